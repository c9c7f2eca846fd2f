import type { Message, MessageView, RunUsage } from '@deskhand/contracts';
import { type Call, type TimelineState, withEntry, without } from './state.ts';

/** Takes a message in at the end: its calls and results, the blocks it finishes, the run it starts. A known id changes nothing. */
export function addMessage(state: TimelineState, message: Message): TimelineState {
  if (state.messages.some(({ id }) => id === message.id)) return state;
  const next = { ...state, messages: [...state.messages, message], calls: withCallsOf(state.calls, message) };
  return closeBlocks(startRun(next, message), message);
}

/** Puts an older page of messages in front. */
export function prependMessages(state: TimelineState, older: readonly Message[], hasMore: boolean, usage: Readonly<Record<string, RunUsage>> = {}): TimelineState {
  const known = new Set(state.messages.map(({ id }) => id));
  const fresh = older.filter(({ id }) => !known.has(id));
  return { ...state, messages: [...fresh, ...state.messages], hasMore, calls: fresh.reduce(withCallsOf, state.calls), usage: new Map([...Object.entries(usage), ...state.usage]) };
}

/** Nobody said it: it tells what happened beside the conversation, and starts no run. */
export function isNotice({ blocks }: Message): boolean {
  return blocks.length > 0 && blocks.every((block) => block.type === 'notice');
}

/** REST shows messages in the shape of its first clients; this is the timeline's. */
export function messageOf(view: MessageView, branchId: string): Message {
  const { id, role, content, blocks, cut, model } = view;
  return { id, branch_id: branchId, run_id: view.run_id, role, content, blocks, cut, model, created_at: `${view.created_at.replace(' ', 'T')}Z` };
}

export function withCallsOf(calls: TimelineState['calls'], message: Message): TimelineState['calls'] {
  let next = calls;
  for (const block of message.blocks) {
    if (block.type === 'tool_call') {
      const known = next.get(block.tool_call_id);
      const call: Call = known ?? { id: block.tool_call_id, runId: message.run_id, name: block.name, arguments: block.arguments, state: 'proposed' };
      next = withEntry(next, call.id, block.invalid_arguments === undefined ? call : { ...call, invalidArguments: block.invalid_arguments });
    }
    if (block.type === 'tool_result') {
      const known = next.get(block.tool_call_id) ?? { id: block.tool_call_id, runId: message.run_id, name: block.name, arguments: {}, state: 'ended' as const };
      next = withEntry(next, known.id, { ...known, state: 'ended', result: block.result, isError: block.is_error, interrupted: block.interrupted ?? false });
    }
  }
  return next;
}

function startRun(state: TimelineState, message: Message): TimelineState {
  if (message.role !== 'user' || message.run_id === null || isNotice(message) || state.runs.has(message.run_id)) return state;
  return { ...state, runs: withEntry(state.runs, message.run_id, { id: message.run_id, state: 'queued', message_id: message.id }) };
}

function closeBlocks(state: TimelineState, message: Message): TimelineState {
  const closed = new Map(state.closed);
  for (const block of message.blocks) {
    if ((block.type === 'text' || block.type === 'reasoning') && block.block !== undefined) closed.set(block.block, Math.max(block.attempt ?? 0, closed.get(block.block) ?? 0));
  }
  const isOver = (id: string, runId: string, attempt: number, given: boolean) => attempt <= (closed.get(id) ?? -1) || (given && message.cut && runId === message.run_id);
  return { ...state, closed, blocks: without(state.blocks, (id, block) => block.kind !== 'tool-output' && isOver(id, block.run_id, block.attempt, block.abandoned)) };
}
