import { z } from 'zod';
import { byteLength, describeFailure, fileCommand, maximumShown, path, readFacts } from './file-program.ts';
import { defineTool } from './tool.ts';

const maximumText = 600_000;

export const edit = defineTool({
  name: 'edit',
  description:
    'Replaces text in a file on the computer. old_string must be in the file exactly as given, line breaks and indentation included, and only once, ' +
    'unless replace_all is set. Read the file first.',
  staysInside: true,
  streams: false,
  input: z.object({
    path,
    old_string: z.string().min(1).describe('The text to replace.'),
    new_string: z.string().describe('What comes in its place.'),
    replace_all: z.boolean().optional().describe('Replace every occurrence.'),
  }),
  plan({ path: file, old_string, new_string, replace_all }) {
    const before = old_string.toWellFormed();
    const stdin = `${byteLength(before)}\n${before}${new_string.toWellFormed()}`;
    if (stdin.length > maximumText) return { problem: `The texts are too long for one call (${stdin.length} characters, at most ${maximumText}). Make smaller edits.` };
    return fileCommand('edit', file, replace_all === true ? ['--all'] : [], stdin);
  },
  conclude({ path: file, old_string, new_string }, output, outcome) {
    const failure = describeFailure(output, outcome);
    if (failure !== null) return { text: failure, is_error: true, display: { path: file } };
    const facts = readFacts(output);
    const name = facts?.path ?? file;
    const times = facts?.occurrences ?? 1;
    const place = facts?.first_line === undefined ? '' : times === 1 ? ` at line ${facts.first_line}` : `, first at line ${facts.first_line}`;
    return {
      text: `Replaced ${times === 1 ? '1 occurrence' : `${times} occurrences`} in ${name}${place}.`,
      is_error: false,
      display: {
        path: name, occurrences: times, ...(facts?.first_line !== undefined && { first_line: facts.first_line }),
        ...(old_string.length + new_string.length <= maximumShown && { before: old_string, after: new_string }),
      },
    };
  },
});
