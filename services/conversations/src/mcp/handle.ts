const longest = 24;

/** A name as it may stand in the name of a tool: small letters, digits and single underscores; `server` when nothing is left. */
export function handleOf(name: string): string {
  const plain = name.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase().replace(/[^a-z0-9]+/g, '_').replace(/^_+|_+$/g, '').slice(0, longest).replace(/_+$/, '');
  return plain === '' ? 'server' : plain;
}

/** The first of `handle`, `handle_2`, `handle_3` … that is free. */
export function freeHandle(handle: string, taken: ReadonlySet<string>): string {
  if (!taken.has(handle)) return handle;
  for (let number = 2; ; number++) {
    const next = `${handle}_${number}`;
    if (!taken.has(next)) return next;
  }
}
