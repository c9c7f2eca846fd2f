import type { Duplex } from 'node:stream';
import { ProtocolViolation } from './client-messages.ts';

const version = 'RFB 003.008\n';
const noPassword = 1;
const stepMs = 10_000;

/** Takes exact numbers of bytes from a stream; what is beyond stays in it. */
async function take(stream: Duplex, length: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let missing = length;
  const limit = Date.now() + stepMs;
  while (missing > 0) {
    const chunk = stream.read() as Buffer | null;
    if (chunk === null) {
      if (stream.readableEnded || stream.destroyed) throw new ProtocolViolation('The connection ended in its greeting');
      await readable(stream, limit);
      continue;
    }
    if (chunk.length > missing) stream.unshift(chunk.subarray(missing));
    parts.push(chunk.subarray(0, missing));
    missing -= Math.min(chunk.length, missing);
  }
  return Buffer.concat(parts);
}

function readable(stream: Duplex, limit: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (error?: Error): void => {
      clearTimeout(timer);
      for (const name of ['readable', 'end', 'close', 'error']) stream.off(name, listeners[name]!);
      if (error) reject(error);
      else resolve();
    };
    const listeners: Record<string, (error?: Error) => void> = { readable: () => done(), end: () => done(), close: () => done(), error: (error) => done(error ?? new Error('The connection failed')) };
    const timer = setTimeout(() => done(new ProtocolViolation('The greeting took too long')), Math.max(1, limit - Date.now()));
    for (const [name, listener] of Object.entries(listeners)) stream.on(name, listener);
  });
}

/** Greets a screen as a client that shares it; afterwards it sends its `ServerInit`. */
export async function greetScreen(screen: Duplex): Promise<void> {
  await take(screen, version.length);
  screen.write(version);
  const [kinds = 0] = await take(screen, 1);
  if (kinds === 0) throw new Error('The screen takes no connection');
  if (!(await take(screen, kinds)).includes(noPassword)) throw new Error('The screen wants a password');
  screen.write(Buffer.from([noPassword]));
  if ((await take(screen, 4)).readUInt32BE(0) !== 0) throw new Error('The screen refused the connection');
  // Shared: it leaves the others their connections.
  screen.write(Buffer.from([1]));
}

/** Greets a viewer as a screen that needs no password: its ticket was checked before. */
export async function greetViewer(viewer: Duplex): Promise<void> {
  viewer.write(version);
  const spoken = (await take(viewer, version.length)).toString('latin1');
  if (!/^RFB 003\.00[78]\n$/.test(spoken)) throw new ProtocolViolation('Only RFB 3.7 and 3.8 are spoken here');
  viewer.write(Buffer.from([1, noPassword]));
  if ((await take(viewer, 1))[0] !== noPassword) throw new ProtocolViolation('There is only one way in');
  if (spoken.includes('008')) viewer.write(Buffer.alloc(4));
  await take(viewer, 1);
}
