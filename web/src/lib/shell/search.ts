/** True when every word of the query is somewhere in the text, whatever the case. */
export function matches(text: string, query: string): boolean {
  const where = text.toLowerCase();
  return query.toLowerCase().split(/\s+/).every((word) => where.includes(word));
}
