import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { isPublicAddress } from './public-address.ts';

/** An outgoing call was refused because of where it would have gone. */
export class AddressRefused extends Error {
  override readonly name = 'AddressRefused';
  readonly code = 'ADDRESS_REFUSED';
}

/**
 * Where outgoing calls may go: every public address, and what an administrator allows of the others: `host:port`
 * entries (a name, an IPv4 address or a bracketed IPv6 one) and whole ranges (`198.18.0.0/15`).
 */
export class AddressPolicy {
  private readonly hosts = new Set<string>();
  private readonly ranges: [ipaddr.IPv4 | ipaddr.IPv6, number][] = [];

  constructor(allowed = '') {
    for (const entry of allowed.split(',').map((part) => part.trim().toLowerCase())) {
      if (entry === '') continue;
      if (ipaddr.isValidCIDR(entry)) this.ranges.push(ipaddr.parseCIDR(entry));
      else this.hosts.add(entry);
    }
  }

  /** Whether this very host and port are allowed, wherever the name leads. */
  allowsHost(host: string, port: number): boolean {
    const name = host.toLowerCase().replace(/^\[|\]$/g, '');
    return this.hosts.has(`${isIP(name) === 6 ? `[${name}]` : name}:${port}`);
  }

  allowsAddress(address: string): boolean {
    if (isPublicAddress(address)) return true;
    if (isIP(address) === 0 || address.includes('%')) return false;
    const parsed = ipaddr.process(address);
    return this.ranges.some((range) => range[0].kind() === parsed.kind() && parsed.match(range as [ipaddr.IPv4, number]));
  }

  /** Throws `AddressRefused` when a literal address or a local name may not be called; other names are judged by what they resolve to. */
  checkHost(host: string, port: number): void {
    if (this.allowsHost(host, port)) return;
    const name = host.toLowerCase().replace(/^\[|\]$/g, '');
    const refused = isIP(name) === 0 ? name === 'localhost' || name.endsWith('.localhost') : !this.allowsAddress(name);
    if (refused) throw new AddressRefused(notPublic(`${host}:${port}`));
  }
}

export function notPublic(host: string): string {
  return `${host} is not a public address. An administrator can allow it with DESKHAND_ALLOWED_PRIVATE_HOSTS.`;
}
