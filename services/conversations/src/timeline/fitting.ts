/** UTF-16 units of one answer's items, well below what a message may be. */
export const pageSize = 250_000;

/** As many of the first items as one answer holds, at least one. */
export function fitting<Item>(items: readonly Item[]): Item[] {
  let size = 0;
  const index = items.findIndex((item) => (size += JSON.stringify(item).length) > pageSize);
  return index < 0 ? [...items] : items.slice(0, Math.max(1, index));
}
