import type { ClaimedRun, ContentBlock, JournalToolCall, Message, NoticeBlock, RunEntry, ToolResult } from '@deskhand/contracts';
import { Toolbox } from '../mcp/toolbox.ts';
import { resultsById } from './history.ts';
import { JournalQueue } from './journal-queue.ts';
import type { RunPorts } from './ports.ts';

export type EndedEntry = Extract<RunEntry, { type: 'tool-call-ended' }>;

/** What one claim of a run knows and does. Everything in it can be had again from the journal. */
export class Turn {
  /** The branch's messages, with what this claim added. */
  readonly history: Message[];
  /** Calls of the last recorded step. */
  calls: JournalToolCall[];
  /** Number of the next step. */
  step: number;
  /** A person drives the desktop: no call begins. */
  driven: boolean;
  /** The model turned out not to take pictures. */
  blind = false;
  readonly toolbox: Toolbox;
  private readonly queue: JournalQueue;
  private readonly steering: Message[] = [];

  constructor(readonly run: ClaimedRun, readonly ports: RunPorts) {
    this.history = [...run.history];
    this.calls = run.tool_calls.map((call) => ({ ...call }));
    this.step = run.step;
    this.driven = run.driven === true;
    this.toolbox = new Toolbox(run, ports);
    this.queue = new JournalQueue(ports.journal, ({ steering, interrupt, driven }) => {
      this.driven = driven === true;
      this.steering.push(...steering);
      if (interrupt) ports.interrupt();
    });
  }

  write(key: string, entries: RunEntry[]): Promise<void> {
    return this.queue.write(key, entries);
  }

  /** What the person said meanwhile comes after all that has happened, right before the model is asked again. */
  hearSteering(): void {
    for (const message of this.steering.splice(0)) if (!this.history.some(({ id }) => id === message.id)) this.history.push(message);
  }

  /** Attempts at blocks: unique in the run, later ones greater. `n` counts within this claim and block. */
  attempt(n = 0): number {
    return this.run.epoch * 100 + n;
  }

  /** Takes a step's outcome into what is known, as the journal does. */
  stepRecorded(messageId: string, blocks: ContentBlock[], model: string): void {
    this.remember(messageId, 'assistant', blocks, model);
    this.step += 1;
    this.calls = blocks.flatMap((block) => (block.type !== 'tool_call' ? [] : [{
      tool_call_id: block.tool_call_id, name: block.name, arguments: block.arguments, state: 'proposed' as const,
      ...(block.invalid_arguments !== undefined && { invalid_arguments: block.invalid_arguments }),
    }]));
  }

  /** Tells the person and the model something, once a run. */
  async notice(kind: NoticeBlock['kind'], text: string): Promise<void> {
    const known = this.history.some((message) => message.run_id === this.run.run_id && message.blocks.some((block) => block.type === 'notice' && block.text === text));
    if (known) return;
    const id = this.ports.newId();
    await this.write(`notice-${id}`, [{ type: 'notice-added', kind, text }]);
    this.remember(id, 'user', [{ type: 'notice', kind, text }], null);
  }

  /** Takes a call's result into what is known, as the journal does. */
  callEnded(call: JournalToolCall, entry: EndedEntry): void {
    call.state = 'ended';
    this.remember(`${call.tool_call_id}-result`, 'tool', [{
      type: 'tool_result', tool_call_id: call.tool_call_id, name: call.name, result: entry.result, is_error: entry.is_error,
      ...(entry.interrupted !== undefined && { interrupted: entry.interrupted }),
    }], null);
  }

  /** Whether the call has ended in an error. */
  hasFailed(call: JournalToolCall): boolean {
    return resultsById(this.history).get(call.tool_call_id)?.is_error === true;
  }

  private remember(id: string, role: Message['role'], blocks: ContentBlock[], model: string | null): void {
    this.history.push({ id, branch_id: this.run.branch_id, run_id: this.run.run_id, role, content: '', blocks, cut: false, model, created_at: '' });
  }
}

/** The record of a call that came to `text` without having shown anything, or never started. */
export function endedWith(callId: string, text: string, rest: { is_error: boolean; interrupted?: boolean; block?: string; attempt?: number; result?: Partial<ToolResult> }): EndedEntry {
  const { result, ...facts } = rest;
  return { type: 'tool-call-ended', tool_call_id: callId, ...facts, result: { output: text, ...result } };
}
