import { KeyFilter } from '../providers/key-filter.ts';
import type { StreamDecoder } from '../upstreams/upstream.ts';
import type { UpstreamFormat } from '../wire/formats.ts';
import { endsInFailure, firstFailure } from '../wire/stream-failure.ts';
import { StreamSniffer } from '../wire/stream-sniffer.ts';
import type { StreamTranslation } from '../wire/translation.ts';
import type { UpstreamFailure } from '../wire/upstream-failure.ts';
import { usageReaders } from '../wire/usage-readers.ts';

export interface StreamPassageParts {
  format: UpstreamFormat;
  /** What a stream may never show. */
  secrets: readonly string[];
  /** For what is no event stream. */
  decoder: StreamDecoder | null;
  /** Null where the client speaks the same format. */
  translation: StreamTranslation | null;
  /** The client did not ask for the usage event that the gateway asked for. */
  stripUsage: boolean;
}

const nothing = new Uint8Array(0);

/** A provider's stream on its way to the client: as events, without our keys, watched for what was used, and translated where the client speaks otherwise. */
export class StreamPassage {
  readonly sniffer: StreamSniffer;
  private readonly keys: KeyFilter;
  private failure: UpstreamFailure | null | undefined;
  private beganWithFailure = false;
  /** The first event as far as it is there; null once it is whole. */
  private first: Buffer[] | null = [];

  constructor(private readonly parts: StreamPassageParts) {
    this.sniffer = new StreamSniffer(usageReaders[parts.format], parts.stripUsage);
    this.keys = new KeyFilter(parts.secrets);
  }

  /** What the client gets for these bytes. Throws `LineTooLong`, or what the decoder throws. */
  push(bytes: Buffer): Uint8Array {
    const { decoder } = this.parts;
    return this.pass(this.keys.push(decoder === null ? bytes : Buffer.from(decoder.push(bytes))));
  }

  /** What is left for the client when the provider has ended its stream. */
  end(): Uint8Array {
    const { decoder, translation } = this.parts;
    const pieces = [...(decoder === null ? [] : [this.pass(this.keys.push(Buffer.from(decoder.end())))]), this.pass(this.keys.end())];
    if (this.first !== null && this.first.length > 0) pieces.push(this.open(Buffer.concat(this.first)));
    const passed = this.sniffer.end();
    const left = [...pieces, translation === null ? passed : translation.end()].filter((piece) => piece.length > 0);
    return left.length === 1 ? left[0]! : Buffer.concat(left);
  }

  /** What the first event says of a failure, told once and before the client gets any of it. */
  takeFirstFailure(): UpstreamFailure | null {
    const failure = this.failure ?? null;
    this.failure = null;
    return failure;
  }

  /** What became of a stream that has ended: `cut` where its last word is missing, or was a failure. */
  get outcome(): 'completed' | 'cut' | 'refused' {
    const { usage, complete, last } = this.sniffer;
    if (this.beganWithFailure) return 'refused';
    return (usage === null || complete) && !endsInFailure(this.parts.format, last) ? 'completed' : 'cut';
  }

  /** Whether the client holds the beginning of a line whose end never came. */
  get isInsideLine(): boolean {
    return this.parts.translation === null && this.sniffer.insideLine;
  }

  private pass(events: Buffer): Uint8Array {
    if (this.first === null) return this.send(events);
    if (events.length === 0) return nothing;
    this.first.push(events);
    const so = this.first.length === 1 ? events : Buffer.concat(this.first);
    this.failure = firstFailure(this.parts.format, so);
    if (this.failure === undefined) return nothing;
    this.beganWithFailure = this.failure !== null;
    return this.open(so);
  }

  private open(events: Buffer): Uint8Array {
    this.first = null;
    return this.send(events);
  }

  private send(events: Buffer): Uint8Array {
    const passed = this.sniffer.push(events);
    return this.parts.translation === null ? passed : this.parts.translation.push(events);
  }
}
