import { Duplex } from 'node:stream';

const head = 8;
const standardOutput = 1;

/**
 * The standard input and output of a process that the engine runs, over the engine's hijacked connection: what is
 * written goes in as it is, what comes back is taken out of the engine's envelopes (8 bytes: stream, three zeros, length).
 */
export class ExecStream extends Duplex {
  #waiting: Buffer = Buffer.alloc(0);
  /** Bytes of the current envelope that are still to come, and whether they are standard output. */
  #left = 0;
  #wanted = false;

  constructor(private readonly connection: Duplex) {
    super({ allowHalfOpen: false });
    connection.on('data', (chunk: Buffer) => {
      if (!this.#unwrap(chunk)) connection.pause();
    });
    connection.on('end', () => this.push(null));
    connection.on('close', () => this.destroy());
    connection.on('error', (error) => this.destroy(error));
  }

  override _read(): void {
    this.connection.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.connection.destroyed) done(new Error('The process is gone'));
    else if (this.connection.write(chunk)) done();
    else this.connection.once('drain', () => done());
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.connection.destroy();
    done(error);
  }

  #unwrap(chunk: Buffer): boolean {
    let bytes = this.#waiting.length > 0 ? Buffer.concat([this.#waiting, chunk]) : chunk;
    let more = true;
    while (bytes.length > 0) {
      if (this.#left === 0) {
        if (bytes.length < head) break;
        this.#wanted = bytes[0] === standardOutput;
        this.#left = bytes.readUInt32BE(4);
        bytes = bytes.subarray(head);
        continue;
      }
      const part = bytes.subarray(0, this.#left);
      this.#left -= part.length;
      bytes = bytes.subarray(part.length);
      if (this.#wanted) more = this.push(part);
    }
    this.#waiting = Buffer.from(bytes);
    return more;
  }
}
