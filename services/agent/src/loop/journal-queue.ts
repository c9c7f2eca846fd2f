import type { RunEntry } from '@deskhand/contracts';
import type { Journal, Recorded } from './ports.ts';

interface Waiting {
  key: string;
  entries: RunEntry[];
  resolve(): void;
  reject(error: unknown): void;
}

/** Entries that one commit takes, and UTF-16 units of their JSON: a record has to fit into one message. */
const maximumEntries = 64;
const maximumSize = 240_000;

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
      const together = this.takeTogether();
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

  private takeTogether(): Waiting[] {
    const together = [this.waiting.shift() as Waiting];
    if (this.waiting.length === 0) return together;
    let { length } = together[0]!.entries;
    let size = sizeOf(together[0]!.entries);
    for (let next = this.waiting[0]; next !== undefined; next = this.waiting[0]) {
      length += next.entries.length;
      size += sizeOf(next.entries);
      if (length > maximumEntries || size > maximumSize) break;
      together.push(next);
      this.waiting.shift();
    }
    return together;
  }
}

/** The entries in parts that fit into a record each, in order; one that is too large by itself stays alone. */
export function recordable(entries: readonly RunEntry[]): RunEntry[][] {
  const parts: RunEntry[][] = [];
  let size = 0;
  for (const entry of entries) {
    const own = sizeOf([entry]);
    const last = parts.at(-1);
    if (last !== undefined && last.length < maximumEntries && size + own <= maximumSize) {
      last.push(entry);
      size += own;
    } else {
      parts.push([entry]);
      size = own;
    }
  }
  return parts;
}

function sizeOf(entries: readonly RunEntry[]): number {
  return JSON.stringify(entries).length;
}
