import type { RunEntry } from '@deskhand/contracts';
import type { Journal, Recorded } from './ports.ts';

interface Waiting {
  key: string;
  entries: RunEntry[];
  resolve(): void;
  reject(error: unknown): void;
}

/** Entries that one commit takes. */
const maximumEntries = 64;

/**
 * Writes a run's journal in order. Writes that come together, or while one is under way, share a commit; none waits for
 * another to come.
 */
export class JournalQueue {
  private readonly waiting: Waiting[] = [];
  private writing = false;

  constructor(
    private readonly journal: Journal,
    /** Told of every answer, before the writes it belongs to resolve. */
    private readonly onRecorded: (recorded: Recorded) => void,
  ) {}

  /** Resolves when the entries are stored. `key` is unique within the run and this claim of it. */
  write(key: string, entries: RunEntry[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ key, entries, resolve, reject });
      if (this.writing) return;
      this.writing = true;
      // Whatever else is written in this very turn of the event loop joins in.
      queueMicrotask(() => void this.flush());
    });
  }

  private async flush(): Promise<void> {
    while (this.waiting.length > 0) {
      const together = [this.waiting.shift() as Waiting];
      let size = together[0]!.entries.length;
      while (this.waiting.length > 0 && size + this.waiting[0]!.entries.length <= maximumEntries) {
        const next = this.waiting.shift() as Waiting;
        size += next.entries.length;
        together.push(next);
      }
      const more = together.length > 1 ? `+${together.length - 1}` : '';
      try {
        this.onRecorded(await this.journal.record(`${together[0]!.key}${more}`, together.flatMap((write) => write.entries)));
        for (const write of together) write.resolve();
      } catch (error) {
        for (const write of together) write.reject(error);
      }
    }
    this.writing = false;
  }
}
