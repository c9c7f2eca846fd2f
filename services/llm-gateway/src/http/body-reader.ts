import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';
import { after } from '../after.ts';
import { ShortRequest } from '../incoming/short-request.ts';
import { WireError } from '../wire/wire-format.ts';
import type { CallRequest, CallResponse } from './call-exchange.ts';
import { uncountedBytes, type MemoryRoom } from './memory-room.ts';
import { readBody } from './read-body.ts';

const decoders: Readonly<Record<string, () => ReturnType<typeof createGunzip>>> = { gzip: createGunzip, 'x-gzip': createGunzip, deflate: createInflate, br: createBrotliDecompress as never, zstd: createZstdDecompress as never };

/** Reads the bodies of calls: none larger than `limit`, compressed or not, and all together no larger than there is room for. */
export class BodyReader {
  constructor(private readonly limit: number, private readonly room: MemoryRoom) {}

  /** Throws, or rejects with, `WireError` or `ClientGone`. A promise only where the body is still coming, or to be inflated. */
  read(request: CallRequest, response: CallResponse): Buffer | Promise<Buffer> {
    const encoding = request.headers['content-encoding'];
    const keep = (bytes: number, size: number): void => {
      if (size > uncountedBytes && !this.room.grow(response, bytes)) throw new WireError('unavailable', 'There are too many large requests at the moment. Try again in a few seconds.', null, 'too_busy');
    };
    if (request instanceof ShortRequest && request.body.length > this.limit) throw tooLarge(this.limit);
    const read = request instanceof ShortRequest ? request.body : readBody(request, this.limit, keep);
    return encoding === undefined || encoding === 'identity' ? read : after(read, async (bytes) => this.decoded(encoding, bytes, keep));
  }

  /** What is inflated is counted as it grows, so that a small body cannot become a huge one. */
  private async decoded(encoding: string, bytes: Buffer, keep: (bytes: number, size: number) => void): Promise<Buffer> {
    const make = Object.hasOwn(decoders, encoding.toLowerCase()) ? decoders[encoding.toLowerCase()] : undefined;
    if (make === undefined) throw new WireError('unsupported', `Bodies encoded as ${encoding.slice(0, 40)} are not read here; send gzip, deflate, br, zstd or the JSON as it is.`);
    const decoder = make();
    const chunks: Buffer[] = [];
    let size = 0;
    try {
      decoder.end(bytes);
      for await (const chunk of decoder as AsyncIterable<Buffer>) {
        size += chunk.length;
        if (size > this.limit) throw tooLarge(this.limit);
        keep(chunk.length, size);
        chunks.push(chunk);
      }
    } catch (error) {
      throw error instanceof WireError ? error : new WireError('bad-request', `The body is not valid ${encoding.slice(0, 40)}.`);
    } finally {
      decoder.destroy();
    }
    return Buffer.concat(chunks, size);
  }
}

const tooLarge = (limit: number): WireError => new WireError('too-large', `The body is larger than ${limit} bytes.`);
