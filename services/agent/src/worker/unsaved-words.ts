import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { runs, type InputOf } from '@deskhand/contracts';

type Checkpoint = InputOf<typeof runs.checkpoint>;
type SavedPart = Checkpoint['blocks'][number];

/** Units in one request. */
const maximumUnits = 100_000;

/**
 * What people were shown while nobody answered that could save it, in a file of this worker's place. Should the worker
 * die before it is saved, the next one at this place hands it in. Without a file nothing is kept.
 */
export class UnsavedWords {
  private there = false;

  constructor(private readonly file: string | null, private readonly workerId: string) {}

  /** Whether something is kept. */
  get any(): boolean {
    return this.there;
  }

  /** Replaces what is kept. Written at once: the process may not live for another turn of its loop. */
  keep(blocks: readonly SavedPart[]): void {
    if (this.file === null || (blocks.length === 0 && !this.there)) return;
    this.there = blocks.length > 0;
    try {
      if (!this.there) return rmSync(this.file, { force: true });
      writeFileSync(`${this.file}.new`, JSON.stringify({ worker_id: this.workerId, blocks }), { mode: 0o600 });
      renameSync(`${this.file}.new`, this.file);
    } catch { /* No room: they are in memory still, and saved once somebody answers. */ }
  }

  /** What the worker before left, as requests in order; empty when it left nothing that can be read. */
  left(): Checkpoint[] {
    if (this.file === null) return [];
    try {
      const { worker_id, blocks } = runs.checkpoint.input.parse(JSON.parse(readFileSync(this.file, 'utf8')));
      return blocks.flatMap((block) => pieces(block).map((piece) => ({ worker_id, blocks: [piece] })));
    } catch {
      return [];
    }
  }

  /** Forgets what the worker before left, unless it is replaced already. */
  forget(): void {
    if (this.file !== null && !this.there) rmSync(this.file, { force: true });
  }
}

function pieces(block: SavedPart): SavedPart[] {
  const count = Math.max(1, Math.ceil(block.text.length / maximumUnits));
  return Array.from({ length: count }, (_, index) => ({ ...block, offset: block.offset + index * maximumUnits, text: block.text.slice(index * maximumUnits, (index + 1) * maximumUnits) }));
}
