/** Lines of headers, each with the break before it, by RFC 9112 and without folding; for a regular expression. */
export const fieldLines = /(?:\r\n[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*)*/.source;

/** Names in lower case and values of the fields in a well-formed head, which ends without the empty line. */
export function eachField(head: string, take: (name: string, value: string) => void): void {
  for (let at = head.indexOf('\r\n') + 2; at > 1; ) {
    const next = head.indexOf('\r\n', at);
    const end = next < 0 ? head.length : next;
    const colon = head.indexOf(':', at);
    take(head.slice(at, colon).toLowerCase(), head.slice(colon + 1, end).trim());
    at = next < 0 ? 0 : next + 2;
  }
}
