import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

type Range = readonly [ipaddr.IPv4 | ipaddr.IPv6, number];
const ranges = (...list: string[]): Range[] => list.map((range) => ipaddr.parseCIDR(range));

/** Not globally routable, or routable with a meaning of its own (168.63.129.16 is a cloud's metadata server). */
const blockedV4 = ranges(
  '0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24', '192.0.2.0/24',
  '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4', '168.63.129.16/32',
);
const globalV6 = ranges('2000::/3');
/** Inside 2000::/3 and yet not public: protocol assignments (Teredo, ORCHID, benchmarking), documentation, 6to4. */
const blockedV6 = ranges('2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20');
const mapped = ranges('::ffff:0:0/96');
const translated = ranges('64:ff9b::/96');

const within = (address: ipaddr.IPv4 | ipaddr.IPv6, list: readonly Range[]): boolean => list.some((range) => address.kind() === range[0].kind() && address.match(range as [ipaddr.IPv4, number]));

/**
 * Whether an IP address (as text, without brackets) is globally routable. IPv4-mapped and NAT64 addresses are judged by
 * the IPv4 address inside; 6to4, Teredo, IPv4-compatible and ISATAP addresses, which can hide one too, are never public.
 * Anything that is not an address is not public.
 */
export function isPublicAddress(text: string): boolean {
  if (isIP(text) === 0 || text.includes('%')) return false;
  if (isIP(text) === 4) return !within(ipaddr.IPv4.parse(text), blockedV4);
  // The parser takes a dotted end for an IPv4-mapped address, whatever stands before it; a URL's form has no dots.
  const address = ipaddr.IPv6.parse(new URL(`http://[${text}]`).hostname.slice(1, -1));
  const { parts } = address;
  if (within(address, mapped) || within(address, translated)) return isPublicAddress(lastQuad(parts));
  const isatap = parts[5] === 0x5efe && (parts[4] === 0 || parts[4] === 0x200);
  return !isatap && within(address, globalV6) && !within(address, blockedV6);
}

function lastQuad(parts: readonly number[]): string {
  const [high = 0, low = 0] = parts.slice(6);
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.');
}
