import type { Log, SharedValues } from '@deskhand/platform';

/** An answer as a client got it. Times are Unix milliseconds. */
export interface CachedAnswer {
  type: string;
  body: Buffer;
  storedAt: number;
  expiresAt: number;
  /** Who had given it. */
  provider: string;
  model: string;
}

/** Where answers are. Nothing here fails: an answer that cannot be had is one that is not there. */
export interface AnswerStore {
  find(key: string): CachedAnswer | null | Promise<CachedAnswer | null>;
  keep(key: string, answer: CachedAnswer): void;
  remove(keys: readonly string[]): Promise<void>;
  clear(): Promise<void>;
  /** Throws when it cannot be reached. */
  check(): Promise<void>;
}

/** What an entry takes beside its bytes. */
const overhead = 600;

/** Answers in this process, bounded in bytes; what was not asked for the longest goes first. */
export class AnswersInMemory implements AnswerStore {
  private readonly answers = new Map<string, CachedAnswer>();
  private bytes = 0;

  constructor(private readonly mostBytes: number, private readonly now: () => number = Date.now) {}

  find(key: string): CachedAnswer | null {
    const answer = this.answers.get(key);
    if (answer === undefined) return null;
    this.drop(key, answer);
    if (answer.expiresAt <= this.now()) return null;
    this.add(key, answer);
    return answer;
  }

  keep(key: string, answer: CachedAnswer): void {
    const known = this.answers.get(key);
    if (known) this.drop(key, known);
    this.add(key, answer);
    for (const [oldest, other] of this.answers) {
      if (this.bytes <= this.mostBytes) break;
      this.drop(oldest, other);
    }
  }

  async remove(keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      const known = this.answers.get(key);
      if (known) this.drop(key, known);
    }
  }

  async clear(): Promise<void> {
    this.answers.clear();
    this.bytes = 0;
  }

  async check(): Promise<void> {}

  private add(key: string, answer: CachedAnswer): void {
    this.answers.set(key, answer);
    this.bytes += answer.body.length + overhead;
  }

  private drop(key: string, answer: CachedAnswer): void {
    this.answers.delete(key);
    this.bytes -= answer.body.length + overhead;
  }
}

/** While the store is away, calls go on as if there were none. */
const awayMs = 5_000;

/** Answers that all instances share. */
export class SharedAnswers implements AnswerStore {
  private awayUntil = 0;

  constructor(private readonly values: SharedValues, private readonly log: Log, private readonly now: () => number = Date.now) {}

  async find(key: string): Promise<CachedAnswer | null> {
    const found = await this.attempt(async () => this.values.get(key));
    if (found === null) return null;
    const { fields, bytes } = found;
    const answer: CachedAnswer = { type: fields.Type ?? '', body: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), storedAt: Number(fields.Stored), expiresAt: Number(fields.Expires), provider: fields.Provider ?? '', model: fields.Model ?? '' };
    return answer.expiresAt > this.now() ? answer : null;
  }

  keep(key: string, { body, type, storedAt, expiresAt, provider, model }: CachedAnswer): void {
    void this.attempt(async () => {
      await this.values.put(key, { bytes: body, fields: { Type: type, Stored: String(storedAt), Expires: String(expiresAt), Provider: provider, Model: model } });
      return null;
    });
  }

  async remove(keys: readonly string[]): Promise<void> {
    for (const key of keys) await this.values.remove(key);
  }

  async clear(): Promise<void> {
    await this.values.clear();
  }

  async check(): Promise<void> {
    await this.values.get('check');
  }

  private async attempt<Result>(work: () => Promise<Result | null>): Promise<Result | null> {
    if (this.awayUntil > this.now()) return null;
    try {
      return await work();
    } catch (error) {
      this.log.warn('The shared response cache cannot be reached; calls go on without it', { error });
      this.awayUntil = this.now() + awayMs;
      return null;
    }
  }
}
