/** Something with a server went wrong; the message is for people and names no secrets. */
export class McpFailure extends Error {
  override readonly name = 'McpFailure';
  constructor(
    message: string,
    /** What was asked may have taken effect all the same. */
    readonly ran: boolean,
    options?: ErrorOptions,
    /** It took too long and may still go on. */
    readonly late = false,
    /** The server has no such session (any more). */
    readonly expired = false,
  ) {
    super(message, options);
  }
}

const longestWords = 600;

/** Words of a stranger, as they may stand in a line of ours. */
export function plain(text: string): string {
  const line = text.replace(/\p{Cc}+/gu, ' ').trim().toWellFormed();
  return line.length > longestWords ? `${line.slice(0, longestWords).toWellFormed()}…` : line;
}
