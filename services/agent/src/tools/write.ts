import { z } from 'zod';
import { describeFailure, fileCommand, lineCount, maximumShown, path, readFacts } from './file-program.ts';
import { defineTool } from './tool.ts';

/** UTF-16 units that one command takes on its standard input. */
const maximumContent = 600_000;

export const write = defineTool({
  name: 'write',
  description: 'Writes a text file on the computer: makes it with its folders, or replaces all of it. To change a part of a file use edit.',
  staysInside: true,
  streams: false,
  input: z.object({ path, content: z.string().describe('All of the file\'s text.') }),
  plan({ path: file, content }) {
    if (content.length > maximumContent) return { problem: `The content is too long for one call (${content.length} characters, at most ${maximumContent}). Write it in parts.` };
    return fileCommand('write', file, [], content.toWellFormed());
  },
  conclude({ path: file, content }, output, outcome) {
    const failure = describeFailure(output, outcome);
    if (failure !== null) return { text: failure, is_error: true, display: { path: file } };
    const facts = readFacts(output);
    const lines = facts?.lines ?? content.split('\n').length;
    const before = facts?.before ?? (facts?.created === true ? '' : undefined);
    const shown = before !== undefined && before.length + content.length <= maximumShown;
    return {
      text: `${facts?.created === true ? 'Created' : 'Wrote'} ${facts?.path ?? file} (${lineCount(lines)}).`,
      is_error: false,
      display: { path: facts?.path ?? file, lines, created: facts?.created ?? false, ...(shown && { before, after: content }) },
    };
  },
});
