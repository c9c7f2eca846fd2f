import type { ToolResultBlock } from '@deskhand/contracts';

/** A tool's result in the words the model reads: its output, then what the output does not show. */
export function resultForModel(block: ToolResultBlock): string {
  const { output, exit_code: code } = block.result;
  const notes: string[] = [];
  if (code !== undefined && code !== 0) notes.push(`[exit code ${code}]`);
  if (block.interrupted === true) notes.push('[interrupted before its result was known]');
  const text = output === '' && notes.length === 0 ? '(no output)' : output;
  if (notes.length === 0) return text;
  return `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${notes.join('\n')}`;
}
