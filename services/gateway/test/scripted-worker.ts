import { agent, livePublished, newId, runs, type ClaimedRun, type OpenBlock, type RunEntry } from '@deskhand/contracts';
import type { Closable, NatsBus } from '@deskhand/platform';

/**
 * A run worker whose every step the test decides: it claims one run, streams what it is told, saves, and records, all over
 * the real contracts.
 */
export class ScriptedWorker {
  readonly id = newId();
  run!: ClaimedRun;
  readonly open = new Map<string, OpenBlock>();
  private serving: Closable | null = null;
  private step = 0;
  private count = 0;
  /** Deltas that the network is to lose. */
  loses = 0;

  constructor(private readonly bus: NatsBus) {}

  /** Claims the waiting run of a conversation. */
  async claim(conversationId: string): Promise<this> {
    this.serving = await this.bus.serve(agent.blocks, { worker_id: this.id }, async () => ({ blocks: [...this.open.values()] }));
    for (let attempt = 0; attempt < 100; attempt++) {
      const found = (await this.bus.request(runs.claim, { worker_id: this.id, slots: 8 })).runs;
      const mine = found.find((run) => run.conversation_id === conversationId);
      if (mine !== undefined) {
        this.run = mine;
        this.step = mine.step;
        return this;
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error('There was nothing to claim');
  }

  begin(kind: OpenBlock['kind'], tool_call_id?: string): string {
    const block = `${this.run.run_id}-${this.count++}`;
    this.open.set(block, { block, kind, attempt: this.run.epoch, text: '', run_id: this.run.run_id, ...(tool_call_id && { tool_call_id }) });
    return block;
  }

  async write(id: string, text: string): Promise<void> {
    const block = this.open.get(id)!;
    const offset = block.text.length;
    block.text += text;
    if (this.loses > 0) {
      this.loses--;
      return;
    }
    const delta = { run_id: block.run_id, block: id, attempt: block.attempt, offset, text };
    const address = { user: this.run.user_id, conversation: this.run.conversation_id };
    if (block.kind === 'tool-output') await this.bus.emit(livePublished, { type: 'tool-output-delta', ...delta, tool_call_id: block.tool_call_id! }, address);
    else await this.bus.emit(livePublished, { type: block.kind === 'text' ? 'text-delta' : 'reasoning-delta', ...delta }, address);
  }

  async save(): Promise<void> {
    await this.bus.request(runs.checkpoint, { worker_id: this.id, blocks: [...this.open.values()].map(({ block, kind, attempt, text, tool_call_id }) => ({ run_id: this.run.run_id, epoch: this.run.epoch, block, kind, attempt, offset: 0, text, tool_call_id })) });
  }

  /** Records one model call: its reasoning and text blocks, and the calls it made. */
  async endStep(blocks: readonly string[], calls: readonly { id: string; name: string; arguments: Record<string, unknown> }[] = []): Promise<void> {
    const content = blocks.map((id) => {
      const { kind, text, block, attempt } = this.open.get(id)!;
      return { type: kind as 'text' | 'reasoning', text, block, attempt };
    });
    await this.record({ type: 'step-ended', step: this.step++, message_id: newId(), model: 'test', cut: false, blocks: [...content, ...calls.map((call) => ({ type: 'tool_call' as const, tool_call_id: call.id, name: call.name, arguments: call.arguments }))] });
    for (const id of blocks) this.open.delete(id);
  }

  async startTool(id: string): Promise<string> {
    const block = this.begin('tool-output', id);
    await this.record({ type: 'tool-call-started', tool_call_id: id, block, attempt: this.run.epoch });
    return block;
  }

  async endTool(block: string): Promise<void> {
    const { text, tool_call_id, attempt } = this.open.get(block)!;
    await this.record({ type: 'tool-call-ended', tool_call_id: tool_call_id!, is_error: false, result: { output: text }, block, attempt });
    this.open.delete(block);
  }

  async end(reason: 'completed' | 'interrupted' | 'failed' = 'completed'): Promise<void> {
    await this.record({ type: 'run-ended', reason });
  }

  async record(...entries: RunEntry[]): Promise<void> {
    await this.bus.request(runs.record, { run_id: this.run.run_id, epoch: this.run.epoch, key: newId(), entries });
  }

  /** It is gone: nobody answers for it any more. */
  async vanish(): Promise<void> {
    await this.serving?.close();
    this.serving = null;
  }
}
