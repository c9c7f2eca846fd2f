import type { ToolStep } from '../timeline/view.ts';
import { fileLines } from './file-lines.ts';

/** What somebody wants of a step when they copy it: the output as it reads, the file without its line numbers; null when there is nothing. */
export function copyOf({ call, output, state }: ToolStep): string | null {
  if (call.name === 'write' && state === 'done' && typeof call.arguments['content'] === 'string') return call.arguments['content'];
  if (call.name === 'edit' && state === 'done' && typeof call.arguments['new_string'] === 'string') return call.arguments['new_string'];
  if (output === '' || call.result?.images?.length) return null;
  if (call.name === 'read' && state === 'done') return fileLines(output).filter(({ number }) => number !== '').map(({ text }) => text).join('\n');
  return output.replace(/\x1b\[[0-9;?]*[A-Za-z]/g, '');
}
