import { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { ExecStream } from './exec-stream.ts';

const envelope = (stream: number, text: string) => {
  const head = Buffer.alloc(8);
  head[0] = stream;
  head.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([head, Buffer.from(text)]);
};

/** What the engine's connection would be: the test says what comes and keeps what goes. */
function connection() {
  const written: Buffer[] = [];
  const duplex = new Duplex({ read: () => undefined, write: (chunk: Buffer, _, done) => (written.push(chunk), done()) });
  return { duplex, written };
}

describe('the stream of a program in a container', () => {
  it.each([1, 3, 8, 9, 500])('is its standard output, however the engine cuts it into pieces of %i bytes', async (size) => {
    const { duplex } = connection();
    const stream = new ExecStream(duplex);
    const bytes = Buffer.concat([envelope(1, 'hello '), envelope(2, 'not this'), envelope(1, ''), envelope(1, 'wörld')]);
    for (let at = 0; at < bytes.length; at += size) duplex.push(bytes.subarray(at, at + size));
    duplex.push(null);
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).toString()).toBe('hello wörld');
  });

  it('takes input as it is, and ends with its connection', async () => {
    const { duplex, written } = connection();
    const stream = new ExecStream(duplex);
    stream.write('in');
    await new Promise((resolve) => setImmediate(resolve));
    expect(Buffer.concat(written).toString()).toBe('in');
    const closed = new Promise((resolve) => stream.once('close', resolve));
    duplex.destroy();
    await closed;
    expect(stream.destroyed).toBe(true);
  });
});
