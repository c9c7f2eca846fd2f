import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';
import type { IncomingHttpHeaders } from 'node:http';
import type { Transform } from 'node:stream';
import type { ApiFormat } from '../wire/formats.ts';
import { StreamSniffer } from '../wire/stream-sniffer.ts';
import { isRecord, noUsage, type TokenUsage } from '../wire/token-usage.ts';
import { usageReaders } from '../wire/usage-readers.ts';

const decompressors: Readonly<Record<string, () => Transform>> = { gzip: createGunzip, br: createBrotliDecompress, zstd: createZstdDecompress, deflate: createInflate };
/** An answer that is no stream is looked at up to this size. */
const mostKept = 16 * 1024 * 1024;
/** What may wait to be decompressed, and what may come out of it; beyond that nobody looks any more. */
const mostWaiting = 4 * 1024 * 1024;
const mostRead = 512 * 1024 * 1024;
/** The first event names the model. */
const mostHead = 64 * 1024;
const modelName = /"model"\s*:\s*"([^"\\]{1,200})"/;

export interface WatchedUsage {
  usage: TokenUsage;
  estimated: boolean;
  model: string | null;
  /** All was said, its end aside. */
  complete: boolean;
}

/** Reads usage and the model's name in a copy of what passes. It never touches the bytes, and gives up rather than hold anything up. */
export class UsageWatcher {
  private readonly sniffer: StreamSniffer | null;
  private readonly reader: (typeof usageReaders)[ApiFormat];
  private decompressor: Transform | null = null;
  private readonly parts: Buffer[] = [];
  private size = 0;
  private model: string | null = null;
  /** The stream's beginning, until a model's name was found in it. */
  private head = '';
  private given = false;

  constructor(format: ApiFormat, headers: IncomingHttpHeaders) {
    this.reader = usageReaders[format];
    this.sniffer = /^text\/event-stream\b/i.test(headers['content-type'] ?? '') ? new StreamSniffer(this.reader, false) : null;
    const encoding = headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
    if (encoding === '' || encoding === 'identity') return;
    const make = decompressors[encoding];
    if (make === undefined) this.given = true;
    else this.decompressor = make().on('data', (chunk: Buffer) => this.read(chunk)).on('error', () => { this.given = true; });
  }

  push(chunk: Buffer): void {
    if (this.given) return;
    if (this.decompressor === null) return this.read(chunk);
    this.decompressor.write(chunk);
    if (this.decompressor.writableLength > mostWaiting) this.giveUp();
  }

  /** What was used, when nothing more comes. `whole`: the answer came to its own end. */
  async end(whole: boolean, requestTokens: number): Promise<WatchedUsage> {
    const { decompressor } = this;
    if (decompressor !== null && !this.given) {
      await new Promise<void>((resolve) => decompressor.once('end', resolve).once('error', () => resolve()).once('close', resolve).end());
    }
    const known = this.sniffer === null ? this.ofWhole() : this.sniffer.usage;
    const complete = whole || this.sniffer?.complete === true;
    // A stream may end before its last word.
    const isSaid = this.sniffer === null ? whole : this.sniffer.final || this.sniffer.complete;
    if (known !== null && isSaid) return { usage: { ...noUsage, ...known }, estimated: false, model: this.model, complete };
    const output = Math.max(known?.output ?? 0, this.sniffer?.estimatedOutput() ?? 0);
    return { usage: { ...noUsage, uncachedInput: requestTokens, ...known, output }, estimated: true, model: this.model, complete };
  }

  private read(chunk: Buffer): void {
    if (this.given) return;
    this.size += chunk.length;
    if (this.size > (this.sniffer === null ? mostKept : mostRead)) return this.giveUp();
    if (this.sniffer === null) return void this.parts.push(chunk);
    try {
      this.sniffer.push(chunk);
    } catch {
      return this.giveUp();
    }
    if (this.model !== null || this.head.length > mostHead) return;
    this.head += chunk.toString('latin1');
    this.model = modelName.exec(this.head)?.[1] ?? null;
    if (this.model !== null) this.head = '';
  }

  private ofWhole(): Partial<TokenUsage> | null {
    if (this.given) return null;
    try {
      const answer: unknown = JSON.parse(Buffer.concat(this.parts).toString('utf8'));
      if (isRecord(answer) && typeof answer.model === 'string') this.model = answer.model.slice(0, 200);
      return this.reader.answerUsage(answer);
    } catch {
      return null;
    }
  }

  private giveUp(): void {
    this.given = true;
    this.parts.length = 0;
    this.decompressor?.destroy();
  }
}
