import { deltaTypeOf, type BlockKind, type DataOf, type InputOf, type OpenBlock, type OutputOf, livePublished, runs } from '@deskhand/contracts';
import type { Blocks, BlockWriter } from '../loop/ports.ts';
import { UnsavedWords } from './unsaved-words.ts';

export type Delta = DataOf<typeof livePublished>;
type SavedPart = InputOf<typeof runs.checkpoint>['blocks'][number];

export interface RunIdentity {
  run_id: string;
  epoch: number;
  user_id: string;
  conversation_id: string;
}

/** Deltas closer together than this wait for each other, up to `gatherMs` after the last one. */
const closeMs = 2;
const gatherMs = 8;
/** UTF-16 units in one delta, and in one request that saves. */
const maximumDelta = 16_000;
const maximumSaved = 100_000;
const maximumParts = 256;
/** Requests of one save; what is left then goes with the next. */
const maximumRequests = 20;

/**
 * The growing blocks of all runs of a worker. Every text is shown at once, in order, and saved when the worker says so.
 * Offsets count UTF-16 units; what is shown or saved never ends within a surrogate pair.
 */
export class LiveBlocks {
  private readonly runs = new Map<string, RunBlocks>();
  private saving: Promise<void> | null = null;
  private waiting: Promise<void> | null = null;
  /** Whether the last save failed. */
  private failed = false;

  constructor(
    private readonly show: (run: RunIdentity, delta: Delta) => void,
    private readonly checkpoint: (blocks: SavedPart[]) => Promise<OutputOf<typeof runs.checkpoint>>,
    private readonly now: () => number = () => performance.now(),
    private readonly unsaved = new UnsavedWords(null, ''),
  ) {}

  of(run: RunIdentity): RunBlocks {
    let blocks = this.runs.get(run.run_id);
    if (blocks === undefined) {
      blocks = new RunBlocks(run, (delta) => this.show(run, delta), async () => this.save(), () => this.keep(this.unsaved.any), this.now);
      this.runs.set(run.run_id, blocks);
    }
    return blocks;
  }

  /** All open blocks of a run; null when the run is not here. */
  read(runId: string): OpenBlock[] | null {
    return this.runs.get(runId)?.read() ?? null;
  }

  /** Forgets a run. Nothing of it is shown or saved after this. */
  drop(runId: string): void {
    this.runs.get(runId)?.dispose();
    this.runs.delete(runId);
  }

  /** Saves what grew since the last time. One save at a time; one that fails is made up for by the next. */
  async save(): Promise<void> {
    // Nobody may come to know of what is shown by now if this process dies.
    this.keep(this.saving !== null || this.failed);
    this.waiting ??= (this.saving ?? Promise.resolve()).then(async () => {
      this.waiting = null;
      this.saving = this.saveNow().then(() => this.saved(true), () => this.saved(false));
      await this.saving;
    });
    await this.waiting;
  }

  private saved(well: boolean): void {
    this.saving = null;
    this.failed = !well;
    // What came since is as young as it ever is.
    if (well && this.waiting === null) this.unsaved.keep([]);
    else this.keep(this.unsaved.any);
  }

  private keep(needed: boolean): void {
    if (needed) this.unsaved.keep([...this.growing()].map((block) => block.unsaved(Infinity) as SavedPart));
  }

  private async saveNow(): Promise<void> {
    // What comes while this saves is the next save's: among many streams there is always more.
    const ends = new Map([...this.growing()].map((block) => [block, block.text.length]));
    for (let requests = 0; requests < maximumRequests; requests++) {
      const parts: { block: GrowingBlock; part: SavedPart }[] = [];
      let size = 0;
      for (const block of this.growing()) {
        if (size >= maximumSaved || parts.length >= maximumParts) break;
        const part = block.unsaved(Math.min(maximumSaved - size, (ends.get(block) ?? 0) - block.savedLength));
        if (part === null) continue;
        parts.push({ block, part });
        size += part.text.length;
      }
      if (parts.length === 0) return;
      const { behind } = await this.checkpoint(parts.map(({ part }) => part));
      for (const { block, part } of parts) block.saved(part, behind.find((answer) => answer.block === part.block)?.length);
    }
  }

  private *growing(): Iterable<GrowingBlock> {
    for (const blocks of this.runs.values()) yield* blocks.growing();
  }
}

/** The growing blocks of one run. */
class RunBlocks implements Blocks {
  private readonly blocks = new Map<string, GrowingBlock>();

  constructor(private readonly run: RunIdentity, private readonly show: (delta: Delta) => void, readonly save: () => Promise<void>, private readonly closed: () => void, private readonly now: () => number) {}

  open(facts: { block: string; attempt: number; kind: BlockKind; tool_call_id?: string; step?: number }): BlockWriter {
    this.blocks.get(facts.block)?.dispose();
    const block = new GrowingBlock({ ...facts, run_id: this.run.run_id, epoch: this.run.epoch }, this.show, this.now);
    this.blocks.set(facts.block, block);
    return block;
  }

  close(block: string): void {
    this.blocks.get(block)?.dispose();
    this.blocks.delete(block);
    this.closed();
  }

  read(): OpenBlock[] {
    return [...this.blocks.values()].filter((block) => block.text !== '').map((block) => block.view());
  }

  growing(): GrowingBlock[] {
    return [...this.blocks.values()].filter((block) => block.unsaved(1) !== null);
  }

  dispose(): void {
    for (const block of this.blocks.values()) block.dispose();
    this.blocks.clear();
  }
}

type BlockFacts = Pick<SavedPart, 'run_id' | 'epoch' | 'block' | 'attempt' | 'kind' | 'tool_call_id' | 'step'>;

class GrowingBlock implements BlockWriter {
  text = '';
  /** Half of a surrogate pair whose other half is still to come. */
  private held = '';
  private shown = 0;
  savedLength = 0;
  private lastShownAt = -Infinity;
  private timer: NodeJS.Timeout | null = null;
  private disposed = false;

  constructor(private readonly facts: BlockFacts, private readonly show: (delta: Delta) => void, private readonly now: () => number) {}

  get block(): string { return this.facts.block; }
  get attempt(): number { return this.facts.attempt; }
  get kind(): BlockKind { return this.facts.kind; }

  append(text: string): void {
    if (text === '' || this.disposed) return;
    let whole = this.held + text;
    const last = whole.charCodeAt(whole.length - 1);
    this.held = last >= 0xd800 && last <= 0xdbff ? whole.slice(-1) : '';
    if (this.held !== '') whole = whole.slice(0, -1);
    this.text += whole.toWellFormed();
    this.showSoon();
  }

  finish(): string {
    if (this.held !== '') {
      this.text += this.held.toWellFormed();
      this.held = '';
    }
    this.showNow();
    return this.text;
  }

  view(): OpenBlock {
    const { epoch: _, step: __, ...facts } = this.facts;
    return { ...facts, text: this.text };
  }

  /** What is not saved yet, at most `limit` units of it; null when that is nothing. */
  unsaved(limit: number): SavedPart | null {
    if (limit <= 0 || this.savedLength >= this.text.length) return null;
    return { ...this.facts, offset: this.savedLength, text: this.text.slice(this.savedLength, wholeUntil(this.text, this.savedLength, limit)) };
  }

  /** `length` is what is really saved, where that is not what was expected. */
  saved(part: SavedPart, length: number | undefined): void {
    this.savedLength = length ?? Math.max(this.savedLength, part.offset + part.text.length);
  }

  dispose(): void {
    this.disposed = true;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  private showSoon(): void {
    if (this.timer !== null) return;
    const since = this.now() - this.lastShownAt;
    if (since >= closeMs) return this.showNow();
    this.timer = setTimeout(() => this.showNow(), Math.max(1, gatherMs - since));
  }

  private showNow(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    if (this.disposed) return;
    while (this.shown < this.text.length) {
      const until = wholeUntil(this.text, this.shown, maximumDelta);
      const { kind, run_id, block, attempt, tool_call_id } = this.facts;
      const delta = { run_id, block, attempt, offset: this.shown, text: this.text.slice(this.shown, until) };
      this.show(kind === 'tool-output' ? { type: deltaTypeOf[kind] as 'tool-output-delta', ...delta, tool_call_id: tool_call_id ?? '' } : { type: deltaTypeOf[kind] as 'text-delta' | 'reasoning-delta', ...delta });
      this.shown = until;
    }
    this.lastShownAt = this.now();
  }
}

/** The end of a part of `text` from `from` on, `limit` units long at most unless that would split a surrogate pair. */
function wholeUntil(text: string, from: number, limit: number): number {
  const until = Math.min(from + limit, text.length);
  const last = text.charCodeAt(until - 1);
  return until < text.length && last >= 0xd800 && last <= 0xdbff ? until + 1 : until;
}
