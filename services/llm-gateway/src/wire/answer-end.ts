/** Characters from `usage` on that are read. */
const longestEnd = 4_096;

/**
 * The fields of a JSON answer from `usage` on, where those are its last ones, as with most providers: reading all of a long answer
 * for its usage costs more than passing it on. What is whole up to the last brace are fields of the answer itself and not of a part
 * of it. Undefined where all has to be read.
 */
export function usageAtTheEnd(answer: string): { usage: unknown } | undefined {
  const at = answer.lastIndexOf('"usage"');
  // Behind a backslash it is within a text.
  if (at <= 0 || answer.length - at > longestEnd || answer[at - 1] === '\\' || !answer.startsWith('{')) return undefined;
  try {
    return JSON.parse(`{${answer.slice(at)}`) as { usage: unknown };
  } catch {
    return undefined;
  }
}
