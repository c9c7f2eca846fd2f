import { isIPv4, isIPv6 } from 'node:net';

/**
 * What an address is counted by: an IPv4 address itself, also when it is written as an IPv6 one; of an IPv6 address its
 * first 64 bits, because one subscriber has all the rest.
 */
export function addressGroup(address: string): string {
  const bare = address.split('%')[0]!;
  if (isIPv4(bare)) return bare;
  if (!isIPv6(bare)) return 'unknown';
  // The URL parser writes every IPv6 address in its one shortest form.
  const canonical = new URL(`http://[${bare}]/`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/.exec(canonical);
  if (mapped) return [mapped[1]!, mapped[2]!].flatMap((part) => [Number.parseInt(part, 16) >> 8, Number.parseInt(part, 16) & 255]).join('.');
  const [head = '', tail] = canonical.split('::');
  const leading = head === '' ? [] : head.split(':');
  const trailing = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups = tail === undefined ? leading : [...leading, ...Array<string>(8 - leading.length - trailing.length).fill('0'), ...trailing];
  return `${groups.slice(0, 4).join(':')}::/64`;
}
