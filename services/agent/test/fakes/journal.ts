import { newId, type ClaimedRun, type JournalToolCall, type Message, type RunEntry, type ToolResultBlock } from '@deskhand/contracts';
import { RunAbandoned } from '../../src/loop/stop.ts';
import type { Recorded } from '../../src/loop/ports.ts';

type EntryOf<Type extends RunEntry['type']> = Extract<RunEntry, { type: Type }>;

/** One run as `conversations` keeps it: the same states and refusals, in memory. */
export class FakeJournal {
  readonly runId = newId();
  readonly conversationId = newId();
  readonly branchId = newId();
  readonly history: Message[] = [];
  readonly entries: RunEntry[] = [];
  readonly calls = new Map<string, JournalToolCall & { step: number }>();
  readonly results = new Map<string, EntryOf<'tool-call-ended'>[]>();
  readonly reasons = new Map<string, string>();
  /** Steering that the model has not been given. */
  readonly pending: Message[] = [];
  state: 'queued' | 'active' | 'parked' | 'ended' = 'queued';
  ended: EntryOf<'run-ended'> | null = null;
  epoch = 0;
  step = 0;
  interrupt = false;
  /** A person drives the desktop. */
  driven = false;
  approvalMode: 'auto' | 'ask' = 'auto';
  alwaysAllowed: string[] = [];
  private readonly done = new Map<string, Recorded>();

  constructor(text = 'Do it.') {
    this.add('user', [{ type: 'text', text }]);
  }

  claim(): ClaimedRun {
    if (this.state !== 'queued' && this.state !== 'active') throw new Error(`A run that is ${this.state} cannot be claimed`);
    this.state = 'active';
    this.epoch += 1;
    return {
      run_id: this.runId, epoch: this.epoch, lease_ms: 8_000, user_id: 'user', conversation_id: this.conversationId, branch_id: this.branchId, computer_id: 'computer', provider: null, model_name: null,
      system_prompt_override: null, approval_mode: this.approvalMode, always_allowed: this.alwaysAllowed, step: this.step,
      tool_calls: [...this.calls.values()].filter((call) => call.step === this.step - 1).map(({ step: _, ...call }) => ({ ...call })),
      interrupt: this.interrupt, driven: this.driven, history: this.history.filter((message) => !this.pending.includes(message)), history_complete: true, grant: 'grant',
    };
  }

  record(epoch: number, key: string, entries: RunEntry[]): Recorded {
    const known = this.done.get(`${epoch}:${key}`);
    if (known !== undefined && epoch === this.epoch) return known;
    if (epoch !== this.epoch || this.state !== 'active') throw new RunAbandoned();
    for (const entry of entries) this.apply(entry);
    const steering = entries.some((entry) => entry.type === 'step-ended' || entry.type === 'tool-call-ended') ? this.pending.splice(0) : [];
    const answer = { steering, interrupt: this.interrupt, driven: this.driven };
    this.done.set(`${epoch}:${key}`, answer);
    return answer;
  }

  steer(text: string): void {
    this.pending.push(this.add('user', [{ type: 'text', text }]));
  }

  decide(decision: 'allow' | 'deny', only?: string): void {
    for (const call of this.calls.values()) if (call.state === 'waiting' && (only === undefined || call.tool_call_id === only)) call.state = decision === 'allow' ? 'allowed' : 'denied';
    if (this.state === 'parked' && ![...this.calls.values()].some((call) => call.state === 'waiting')) this.state = 'queued';
  }

  /** The person gives the desktop back, and the model is to be told. */
  giveBack(text: string): void {
    this.driven = false;
    this.add('user', [{ type: 'notice', kind: 'desktop-driven', text }]);
    if (this.state === 'parked' && ![...this.calls.values()].some((call) => call.state === 'waiting')) this.state = 'queued';
  }

  /** What a worker's death leaves of its open blocks. */
  cut(text: string): void {
    this.add('assistant', [{ type: 'text', text }], true);
  }

  result(callId: string): ToolResultBlock | undefined {
    return this.history.flatMap((message) => message.blocks).find((block): block is ToolResultBlock => block.type === 'tool_result' && block.tool_call_id === callId);
  }

  private add(role: Message['role'], blocks: Message['blocks'], cut = false): Message {
    const message: Message = { id: newId(), branch_id: this.branchId, run_id: this.runId, role, content: '', blocks, cut, model: null, created_at: '' };
    this.history.push(message);
    return message;
  }

  private apply(entry: RunEntry): void {
    if (this.state === 'ended') throw new Error('Something was recorded after the end');
    this.entries.push(entry);
    if (entry.type === 'step-ended') {
      if (entry.step !== this.step) throw new Error(`Step ${entry.step} was recorded where step ${this.step} is next`);
      this.step += 1;
      for (const block of entry.blocks) if (block.type === 'tool_call') this.calls.set(block.tool_call_id, { ...block, state: 'proposed', step: entry.step });
      if (entry.blocks.length > 0) this.add('assistant', entry.blocks, entry.cut);
    } else if (entry.type === 'tool-call-started') {
      const call = this.call(entry.tool_call_id);
      if (call.state !== 'proposed' && call.state !== 'allowed') throw new Error(`A call that is ${call.state} cannot start`);
      call.state = 'started';
    } else if (entry.type === 'tool-call-ended') {
      const call = this.call(entry.tool_call_id);
      this.results.set(call.tool_call_id, [...(this.results.get(call.tool_call_id) ?? []), entry]);
      if (call.state === 'ended') return;
      call.state = 'ended';
      const { result, is_error, interrupted } = entry;
      this.add('tool', [{ type: 'tool_result', tool_call_id: call.tool_call_id, name: call.name, result, is_error, ...(interrupted && { interrupted }) }]);
    } else if (entry.type === 'approval-requested') {
      const call = this.call(entry.tool_call_id);
      if (call.state !== 'proposed') return;
      call.state = 'waiting';
      this.reasons.set(call.tool_call_id, entry.reason);
    } else if (entry.type === 'notice-added') {
      this.add('user', [{ type: 'notice', kind: entry.kind, text: entry.text }]);
    } else if (entry.type === 'run-parked') {
      this.state = this.driven || [...this.calls.values()].some((call) => call.state === 'waiting') ? 'parked' : 'queued';
    } else if (entry.type === 'run-ended') {
      this.state = 'ended';
      this.ended = entry;
    }
  }

  private call(id: string): JournalToolCall {
    const call = this.calls.get(id);
    if (call === undefined) throw new Error('This run has no such tool call');
    return call;
  }
}
