import { z } from 'zod';
import { describeFailure, fileCommand, path } from './file-program.ts';
import { defineTool } from './tool.ts';

export const read = defineTool({
  name: 'read',
  description: 'Reads a text file on the computer and returns its lines with their numbers. Long files come in parts: use offset and limit.',
  staysInside: true,
  streams: false,
  input: z.object({
    path,
    offset: z.number().int().min(1).optional().describe('First line wanted, counted from 1.'),
    limit: z.number().int().min(1).max(10_000).optional().describe('Number of lines wanted.'),
  }),
  plan: ({ path: file, offset, limit }) =>
    fileCommand('read', file, [...(offset === undefined ? [] : ['--offset', String(offset)]), ...(limit === undefined ? [] : ['--limit', String(limit)])]),
  conclude({ path: file }, output, outcome) {
    const failure = describeFailure(output, outcome);
    return failure === null ? { text: output, is_error: false, display: { path: file } } : { text: failure, is_error: true, display: { path: file } };
  },
});
