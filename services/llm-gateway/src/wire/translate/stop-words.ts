import type { Proof } from './model-request.ts';
import type { OpenBlock, TurnSink } from './turn-sink.ts';

/**
 * Ends an answer at a client's stop sequences where the upstream takes none. Words that may be the beginning of one wait for
 * the next piece; after one nothing is passed on, and the end tells which it was with the usage of all that was made.
 */
export class StopWords implements TurnSink {
  private readonly texts = new Map<number, string>();
  private readonly longest: number;
  private met: string | null = null;

  constructor(private readonly sink: TurnSink, private readonly words: readonly string[]) {
    this.longest = Math.max(...words.map((word) => word.length));
  }

  start(heading: Parameters<TurnSink['start']>[0]): void {
    this.sink.start(heading);
  }

  open(key: number, block: OpenBlock): void {
    if (this.met !== null) return;
    if (block.type === 'text') this.texts.set(key, '');
    this.sink.open(key, block);
  }

  delta(key: number, text: string): void {
    if (this.met !== null) return;
    const held = this.texts.get(key);
    if (held === undefined) return this.sink.delta(key, text);
    const said = held + text;
    const found = this.words.map((word) => ({ word, at: said.indexOf(word) })).filter(({ at }) => at !== -1).toSorted((left, right) => left.at - right.at)[0];
    const end = found ? found.at : said.length - this.begun(said);
    if (end > 0) this.sink.delta(key, said.slice(0, end));
    this.texts.set(key, said.slice(end));
    if (!found) return;
    this.met = found.word;
    this.texts.delete(key);
    this.sink.close(key);
  }

  prove(key: number, proof: Proof): void {
    if (this.met === null) this.sink.prove(key, proof);
  }

  close(key: number): void {
    if (this.met !== null) return;
    this.flush(key);
    this.sink.close(key);
  }

  ping(): void {
    this.sink.ping();
  }

  finish(end: Parameters<TurnSink['finish']>[0]): void {
    for (const key of [...this.texts.keys()]) this.flush(key);
    this.sink.finish(this.met === null ? end : { ...end, stop: 'stop-sequence', stopSequence: this.met });
  }

  fail(error: Parameters<TurnSink['fail']>[0]): void {
    this.sink.fail(error);
  }

  private flush(key: number): void {
    const held = this.texts.get(key);
    if (held !== undefined && held !== '' && this.met === null) this.sink.delta(key, held);
    this.texts.delete(key);
  }

  /** How many letters at the end may be the beginning of a stop sequence. */
  private begun(said: string): number {
    for (let size = Math.min(this.longest - 1, said.length); size > 0; size--) if (this.words.some((word) => word.startsWith(said.slice(-size)))) return size;
    return 0;
  }
}
