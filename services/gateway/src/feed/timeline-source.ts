import type { conversations, OpenBlock, OutputOf } from '@deskhand/contracts';

export type SnapshotAnswer = OutputOf<typeof conversations.snapshot>;
export type ReadAnswer = OutputOf<typeof conversations.read>;

/** Where a feed gets what it does not hear live. Errors are declared ones. */
export interface TimelineSource {
  snapshot(): Promise<SnapshotAnswer>;
  read(after: number): Promise<ReadAnswer>;
  /** Open blocks of a run, asked of the worker that writes them; null when it does not answer. */
  blocks(workerId: string, runId: string): Promise<readonly OpenBlock[] | null>;
}

/** The freshest text of each open block: the workers' own word, and what was saved where they say nothing. */
export async function openBlocks(source: TimelineSource, workers: ReadAnswer['workers'], saved: readonly OpenBlock[]): Promise<OpenBlock[]> {
  const answers = await Promise.all(workers.map(async ({ worker_id, run_id }) => source.blocks(worker_id, run_id)));
  const freshest = new Map(saved.map((block) => [block.block, block]));
  for (const block of answers.flatMap((answer) => answer ?? [])) {
    const known = freshest.get(block.block);
    if (known === undefined || known.attempt < block.attempt || (known.attempt === block.attempt && known.text.length < block.text.length)) freshest.set(block.block, block);
  }
  return [...freshest.values()];
}
