import type { Readable } from 'node:stream';

/** Takes wanted lengths from a stream, which is read no faster than that. Rejects when the stream ends before. */
export class ByteReader {
  #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(stream: Readable) {
    this.#chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  async read(length: number): Promise<Buffer> {
    if (this.#rest.length >= length) return this.#take(length);
    const bytes = Buffer.allocUnsafe(length);
    for (let at = 0; at < length; ) {
      if (this.#rest.length === 0) this.#rest = await this.#next();
      const part = this.#take(Math.min(length - at, this.#rest.length));
      part.copy(bytes, at);
      at += part.length;
    }
    return bytes;
  }

  async readByte(): Promise<number> {
    return (await this.read(1))[0]!;
  }

  #take(length: number): Buffer {
    const taken = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(length);
    return taken;
  }

  async #next(): Promise<Buffer> {
    const { done, value } = await this.#chunks.next();
    if (done) throw new Error('The screen closed the connection');
    return value;
  }
}
