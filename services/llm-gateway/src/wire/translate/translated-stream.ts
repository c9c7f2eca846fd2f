import { isRecord } from '../token-usage.ts';
import type { StreamTranslation } from '../translation.ts';
import { parseJson } from './fields.ts';
import { SseReader } from './sse-reader.ts';
import type { StreamReader } from './stream-reader.ts';
import type { TurnSink } from './turn-sink.ts';

const nothing = new Uint8Array(0);

/** Event-stream bytes in, event-stream bytes out; what one chunk made whole leaves with that chunk. */
export class TranslatedStream implements StreamTranslation {
  private written = '';
  private readonly events: SseReader;
  private readonly reader: StreamReader;
  private readonly sink: TurnSink;

  constructor(makeSink: (emit: (text: string) => void) => TurnSink, makeReader: (sink: TurnSink) => StreamReader) {
    this.sink = makeSink((text) => { this.written += text; });
    this.reader = makeReader(this.sink);
    this.events = new SseReader((data) => this.read(data), () => { if (!this.reader.over) this.sink.ping(); });
  }

  push(bytes: Uint8Array): Uint8Array {
    if (this.reader.over) return nothing;
    this.events.push(bytes);
    return this.take();
  }

  end(): Uint8Array {
    if (!this.reader.over) {
      this.events.end();
      this.reader.end();
    }
    return this.take();
  }

  private read(data: string): void {
    if (this.reader.over) return;
    if (data === '[DONE]') return this.reader.done();
    const event = parseJson(data);
    if (isRecord(event)) this.reader.event(event);
  }

  private take(): Uint8Array {
    if (this.written === '') return nothing;
    const bytes = Buffer.from(this.written);
    this.written = '';
    return bytes;
  }
}
