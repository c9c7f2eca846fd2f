import type { Channel } from '@deskhand/sandboxd';
import { Duplex } from 'node:stream';

/** A channel of a link as a stream. What is not read here is not read from the channel: its credit then holds the writer. */
export class ChannelStream extends Duplex {
  #chunks: AsyncGenerator<Buffer>;
  #reading = false;

  constructor(private readonly channel: Channel) {
    super({ allowHalfOpen: false });
    this.#chunks = channel[Symbol.asyncIterator]();
  }

  override _read(): void {
    if (this.#reading) return;
    this.#reading = true;
    this.#chunks.next().then(({ done, value }) => {
      this.#reading = false;
      this.push(done ? null : value);
    }, (error: Error) => this.destroy(error));
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.channel.write(chunk).then(() => done(), done);
  }

  override _final(done: () => void): void {
    this.channel.end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.channel.reset('The connection was closed');
    done(error);
  }
}
