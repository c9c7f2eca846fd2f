import type { DurableEvent, LiveEvent, OpenBlock, RunUsage, Snapshot, TimelineEvent } from '@deskhand/contracts';
import { noUsage, withCall as withUsed } from '../usage/used.ts';
import { addMessage, withCallsOf } from './messages.ts';
import { type Call, type LiveBlock, type TimelineState, withEntry, without } from './state.ts';

/** What came of one event: the new state, or `gap` when something before it is missing and has to be asked for again. */
export interface Step {
  state: TimelineState;
  gap: boolean;
}

/** Starts over from a snapshot. Older messages that were already loaded stay where the snapshot continues them. */
export function fromSnapshot(previous: TimelineState, snapshot: Snapshot): TimelineState {
  const first = snapshot.messages[0]?.id;
  const at = first === undefined ? -1 : previous.messages.findIndex(({ id }) => id === first);
  const messages = at > 0 ? [...previous.messages.slice(0, at), ...snapshot.messages] : snapshot.messages;
  const closed = new Map<string, number>();
  for (const block of messages.flatMap((message) => message.blocks)) {
    if ((block.type === 'text' || block.type === 'reasoning') && block.block !== undefined) closed.set(block.block, Math.max(block.attempt ?? 0, closed.get(block.block) ?? 0));
  }
  let calls = messages.reduce(withCallsOf, new Map<string, Call>() as TimelineState['calls']);
  for (const call of snapshot.tool_calls) {
    const startedAt = previous.calls.get(call.tool_call_id)?.startedAt;
    calls = withEntry(calls, call.tool_call_id, { ...calls.get(call.tool_call_id), id: call.tool_call_id, runId: call.run_id, name: call.name, arguments: call.arguments, state: call.state, ...(startedAt && { startedAt }) });
  }
  for (const approval of snapshot.approvals) {
    const call = calls.get(approval.tool_call_id);
    if (call && call.state === 'proposed') calls = withEntry(calls, call.id, { ...call, state: 'waiting' });
  }
  return {
    seq: snapshot.seq,
    conversation: snapshot.conversation,
    messages,
    hasMore: at > 0 ? previous.hasMore : snapshot.has_more,
    runs: new Map(snapshot.runs.map((run) => [run.id, run])),
    calls,
    blocks: new Map(snapshot.open_blocks.map((block) => [block.block, { ...block, abandoned: false }])),
    closed,
    approvals: new Map(snapshot.approvals.map((approval) => [approval.approval_id, approval])),
    computer: snapshot.computer,
    ...leaseFrom(previous, snapshot),
    usage: new Map([...previous.usage, ...snapshot.runs.flatMap(({ id, usage }): [string, RunUsage][] => (usage ? [[id, usage]] : []))]),
    used: snapshot.usage ?? null,
    deleted: false,
  };
}

/** Takes one event in. What was already taken in changes nothing, so that any cut and resume gives the same state. */
export function reduce(state: TimelineState, event: TimelineEvent): Step {
  if (!('seq' in event)) return reduceDelta(state, event);
  if (event.seq <= state.seq) return { state, gap: false };
  if (event.seq > state.seq + 1) return { state, gap: true };
  return { state: { ...reduceDurable(state, event), seq: event.seq }, gap: false };
}

function reduceDelta(state: TimelineState, delta: LiveEvent): Step {
  const kept = { state, gap: false };
  if (delta.attempt <= (state.closed.get(delta.block) ?? -1) || isOver(state, delta)) return kept;
  const block = state.blocks.get(delta.block);
  if (block && delta.attempt < block.attempt) return kept;
  const continues = block !== undefined && block.attempt === delta.attempt;
  if (continues && block.abandoned) return kept;
  const text = continues ? block.text : '';
  if (delta.offset > text.length) return { state, gap: true };
  const fresh = delta.text.slice(text.length - delta.offset);
  if (continues && fresh === '') return kept;
  return { state: { ...state, blocks: withEntry(state.blocks, delta.block, { ...openBlock(delta), text: text + fresh }) }, gap: false };
}

/** Deltas travel beside the durable events and may come after the one that ended what they belong to. */
function isOver(state: TimelineState, delta: LiveEvent): boolean {
  if (state.runs.get(delta.run_id)?.state === 'ended') return true;
  return 'tool_call_id' in delta && state.calls.get(delta.tool_call_id)?.state === 'ended';
}

function openBlock(delta: LiveEvent): LiveBlock {
  const kind: OpenBlock['kind'] = delta.type === 'text-delta' ? 'text' : delta.type === 'reasoning-delta' ? 'reasoning' : 'tool-output';
  return { block: delta.block, kind, attempt: delta.attempt, text: '', run_id: delta.run_id, abandoned: false, ...('tool_call_id' in delta && { tool_call_id: delta.tool_call_id }) };
}

function reduceDurable(state: TimelineState, event: DurableEvent): TimelineState {
  switch (event.type) {
    case 'message-added':
      return addMessage(state, event.message);
    case 'message-withdrawn':
      return { ...state, messages: state.messages.filter(({ id }) => id !== event.message_id) };
    case 'run-started':
      return withRun(state, event.run_id, { state: 'active' });
    case 'run-ended':
      return {
        ...withRun(state, event.run_id, { state: 'ended', reason: event.reason, ...(event.error !== undefined && { error: event.error }) }),
        blocks: without(state.blocks, (_, block) => block.run_id === event.run_id),
        approvals: without(state.approvals, (_, approval) => approval.run_id === event.run_id),
      };
    case 'tool-call-started':
      return withCall(withRun(state, event.run_id, { state: 'active' }), event.tool_call_id, event.run_id, event.name, { arguments: event.arguments, state: 'started', startedAt: event.created_at });
    case 'tool-call-ended':
      return closeOutput(
        withCall(state, event.tool_call_id, event.run_id, event.name, { state: 'ended', result: event.result, isError: event.is_error, interrupted: event.interrupted ?? false }),
        event,
      );
    case 'approval-requested': {
      const { type: _, seq: __, ...approval } = event;
      const waiting = withCall(state, event.tool_call_id, event.run_id, event.name, { arguments: event.arguments, state: 'waiting' });
      return { ...withRun(waiting, event.run_id, { state: 'parked' }), approvals: withEntry(state.approvals, event.approval_id, approval) };
    }
    case 'approval-resolved':
      return resolveApproval(state, event);
    case 'block-abandoned':
      return abandon(state, event);
    case 'computer-changed':
      return { ...state, computer: { computer_id: event.computer_id, state: event.state, ...(event.step !== undefined && { step: event.step }), ...(event.error !== undefined && { error: event.error }) } };
    case 'desktop-lease-changed':
      return changeLease(state, event);
    case 'conversation-changed':
      return changeConversation(state, event);
    case 'usage-recorded': {
      const usage = withEntry(state.usage, event.run_id, withUsed(state.usage.get(event.run_id) ?? noUsage, event));
      return { ...state, usage, used: { ...withUsed(state.used ?? noUsage, event), context_tokens: event.input_tokens + event.output_tokens } };
    }
    default:
      // A newer server's event type: its place in the order is kept, its meaning is unknown here.
      return state;
  }
}

function withRun(state: TimelineState, id: string, change: Partial<TimelineState['runs'] extends ReadonlyMap<string, infer Run> ? Run : never>): TimelineState {
  const run = state.runs.get(id) ?? { id, state: 'queued' as const };
  if (run.state === 'ended') return state;
  return { ...state, runs: withEntry(state.runs, id, { ...run, ...change }) };
}

function withCall(state: TimelineState, id: string, runId: string, name: string, change: Partial<Call>): TimelineState {
  const call: Call = state.calls.get(id) ?? { id, runId, name, arguments: {}, state: 'proposed' };
  return { ...state, calls: withEntry(state.calls, id, { ...call, ...change }) };
}

function closeOutput(state: TimelineState, event: Extract<DurableEvent, { type: 'tool-call-ended' }>): TimelineState {
  const blocks = without(state.blocks, (_, block) => block.tool_call_id === event.tool_call_id);
  if (event.block === undefined) return { ...state, blocks };
  return { ...state, blocks, closed: withEntry(state.closed, event.block, event.attempt ?? 0) };
}

function resolveApproval(state: TimelineState, event: Extract<DurableEvent, { type: 'approval-resolved' }>): TimelineState {
  const call = state.calls.get(event.tool_call_id);
  const approvals = without(state.approvals, (id) => id === event.approval_id);
  const others = [...approvals.values()].some((approval) => approval.run_id === event.run_id);
  const next = others ? state : withRun(state, event.run_id, { state: 'active' });
  if (!call) return { ...next, approvals };
  const resolved: Call = { ...call, decision: event.decision, arguments: event.arguments ?? call.arguments, state: call.state === 'waiting' ? 'proposed' : call.state };
  return { ...next, approvals, calls: withEntry(next.calls, call.id, resolved) };
}

/** The text that was saved stays in sight, marked as given up, until the message that keeps it arrives. */
function abandon(state: TimelineState, event: Extract<DurableEvent, { type: 'block-abandoned' }>): TimelineState {
  const block = state.blocks.get(event.block);
  if (block && block.attempt > event.attempt) return state;
  const closed = withEntry(state.closed, event.block, Math.max(event.attempt, state.closed.get(event.block) ?? 0));
  if (event.text === '') return { ...state, closed, blocks: without(state.blocks, (id) => id === event.block) };
  const given: LiveBlock = { ...block, block: event.block, kind: event.kind, attempt: event.attempt, text: event.text, run_id: event.run_id, abandoned: true };
  return { ...state, closed, blocks: withEntry(state.blocks, event.block, given) };
}

function changeConversation(state: TimelineState, event: Extract<DurableEvent, { type: 'conversation-changed' }>): TimelineState {
  if (event.deleted) return { ...state, deleted: true };
  if (!state.conversation) return state;
  const { title, approval_mode, model_name } = event;
  return { ...state, conversation: { ...state.conversation, ...(title !== undefined && { title }), ...(approval_mode !== undefined && { approval_mode }), ...(model_name !== undefined && { model_name }) } };
}

/** What a snapshot says of the desktop's driver. It does not repeat who asked; that stays as it was while the same turn goes on. */
function leaseFrom({ lease, leaseEnd }: TimelineState, { desktop_lease }: Snapshot): Pick<TimelineState, 'lease' | 'leaseEnd'> {
  if (!desktop_lease) return { lease: null, leaseEnd };
  const { holder, client_id, epoch, until } = desktop_lease;
  return { lease: { holder, clientId: client_id, epoch, until, askedBy: lease?.epoch === epoch ? lease.askedBy : null }, leaseEnd: null };
}

function changeLease(state: TimelineState, event: Extract<DurableEvent, { type: 'desktop-lease-changed' }>): TimelineState {
  const { holder, client_id, epoch, until, asked_by, reason } = event;
  if (holder === null || until === null) return { ...state, lease: null, leaseEnd: reason === undefined ? null : { clientId: state.lease?.clientId ?? null, reason } };
  return { ...state, lease: { holder, clientId: client_id, epoch, until, askedBy: asked_by ?? null }, leaseEnd: null };
}
