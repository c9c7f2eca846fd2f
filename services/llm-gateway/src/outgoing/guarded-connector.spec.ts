import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AddressPolicy } from '@deskhand/platform/outgoing';
import { failureWords } from './failure-words.ts';
import type { Resolve } from '@deskhand/platform/outgoing';
import { OutgoingHttp } from './outgoing-http.ts';

let server: Server;
let port: number;
let reached = 0;

beforeAll(async () => {
  server = createServer((_, response) => { reached++; response.end('{}'); });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ({ port } = server.address() as AddressInfo);
});
afterAll(() => server.close());

async function call(origin: string, policy: AddressPolicy, resolve?: Resolve): Promise<string> {
  const outgoing = new OutgoingHttp(policy, { connectMs: 500, firstByteMs: 500, idleMs: 500 }, resolve);
  try {
    return (await outgoing.post(origin, '/', {}, '{}', 100, 2_000)).text;
  } catch (error) {
    return failureWords(error, outgoing.timeouts);
  } finally {
    await outgoing.close();
  }
}

describe('SECURITY 9, 10: the address that is dialled', () => {
  const answers = (...addresses: string[]): Resolve => (_, done) => done(null, addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })));

  it('is judged after resolving, whatever the name', async () => {
    for (const address of ['127.0.0.1', '10.0.0.1', '169.254.169.254', '::1', '::ffff:127.0.0.1', '64:ff9b::7f00:1']) {
      expect(await call(`http://public.example:${port}`, new AddressPolicy(), answers(address))).toMatch(/not a public address/);
    }
    expect(reached).toBe(0);
  });

  it('is one of the very answer that was judged: a name that flips gains nothing', async () => {
    let lookups = 0;
    const flipping: Resolve = (host, done) => answers(lookups++ === 0 ? '192.0.2.1' : '127.0.0.1')(host, done);
    expect(await call(`http://flip.example:${port}`, new AddressPolicy('192.0.2.0/24'), flipping)).toMatch(/did not accept|could not|cannot be reached|refused the connection/);
    expect(lookups).toBe(1);
    expect(await call(`http://flip.example:${port}`, new AddressPolicy('192.0.2.0/24'), flipping)).toMatch(/not a public address/);
    expect(reached).toBe(0);
  });

  it('leaves private addresses out of a mixed answer', async () => {
    expect(await call(`http://mixed.example:${port}`, new AddressPolicy('192.0.2.0/24'), answers('127.0.0.1', '192.0.2.1'))).not.toBe('{}');
    expect(reached).toBe(0);
  });

  it('is judged when it is a literal, also in brackets', async () => {
    expect(await call(`http://127.0.0.1:${port}`, new AddressPolicy())).toMatch(/not a public address/);
    expect(await call(`http://[::ffff:127.0.0.1]:${port}`, new AddressPolicy())).toMatch(/not a public address/);
    expect(reached).toBe(0);
  });

  it('may be private for a host and port that an administrator names', async () => {
    expect(await call(`http://127.0.0.1:${port}`, new AddressPolicy(`127.0.0.1:${port}`))).toBe('{}');
    expect(await call(`http://ollama.internal:${port}`, new AddressPolicy(`ollama.internal:${port}`), answers('127.0.0.1'))).toBe('{}');
    expect(reached).toBe(2);
  });

  it('is told in words when a name is not known', async () => {
    expect(await call('http://nowhere.invalid', new AddressPolicy(), (_, done) => done(Object.assign(new Error('no'), { code: 'ENOTFOUND' }), []))).toMatch(/not known/);
  });
});
