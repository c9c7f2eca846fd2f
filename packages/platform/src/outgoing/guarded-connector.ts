import { lookup as systemLookup, type LookupAddress } from 'node:dns';
import { isIP, type LookupFunction, type SocketConstructorOpts } from 'node:net';
import { buildConnector } from 'undici';
import { AddressRefused, notPublic, type AddressPolicy } from './address-policy.ts';

export type Resolve = (host: string, done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void) => void;
const resolveBySystem: Resolve = (host, done) => systemLookup(host, { all: true }, done);

/**
 * Opens connections for undici. The addresses a name resolves to are judged in the very lookup whose answer is dialled, so
 * an answer that changes between a check and the connection gains nothing. HTTP/1.1 only. `more`: options of the sockets.
 */
export function guardedConnector(policy: AddressPolicy, connectTimeoutMs: number, resolve: Resolve = resolveBySystem, more: Pick<SocketConstructorOpts, 'onread'> = {}): buildConnector.connector {
  const options = { ...more, timeout: connectTimeoutMs, allowH2: false, autoSelectFamily: true };
  const anywhere = buildConnector({ ...options, lookup: asLookup(resolve) } as buildConnector.BuildOptions);
  const publicOnly = buildConnector({ ...options, lookup: asLookup(onlyAllowed(policy, resolve)) } as buildConnector.BuildOptions);
  return (target, callback) => {
    const port = Number(target.port) || (target.protocol === 'https:' ? 443 : 80);
    if (policy.allowsHost(target.hostname, port)) return anywhere(target, callback);
    try {
      policy.checkHost(target.hostname, port);
    } catch (error) {
      return callback(error as Error, null);
    }
    return publicOnly(target, callback);
  };
}

function onlyAllowed(policy: AddressPolicy, resolve: Resolve): Resolve {
  return (host, done) =>
    resolve(host, (error, addresses) => {
      if (error) return done(error, []);
      const allowed = addresses.filter((entry) => policy.allowsAddress(entry.address));
      if (allowed.length === 0) return done(new AddressRefused(notPublic(host)), []);
      done(null, allowed);
    });
}

function asLookup(resolve: Resolve): LookupFunction {
  return (host, options, done) => {
    const family = isIP(host);
    if (family !== 0) return options.all ? done(null, [{ address: host, family }]) : done(null, host, family);
    resolve(host, (error, addresses) => {
      const first = addresses[0];
      if (error ?? !first) return done(error ?? Object.assign(new Error(`No address for ${host}`), { code: 'ENOTFOUND' }), []);
      if (options.all) done(null, addresses);
      else done(null, first.address, first.family);
    });
  };
}
