import type { ApprovalView, Message, RunUsage, RunView } from '@deskhand/contracts';
import type { Call, LiveBlock, TimelineState } from './state.ts';
import { share } from '../text/share.ts';
import { isNotice } from './messages.ts';

export type StepState = 'proposed' | 'waiting' | 'running' | 'done' | 'failed' | 'denied' | 'interrupted';

export interface ToolStep {
  kind: 'tool';
  key: string;
  call: Call;
  state: StepState;
  /** All output so far; exactly the result's once it has ended. */
  output: string;
  approval: ApprovalView | null;
}
export interface ProsePart {
  kind: 'text' | 'reasoning';
  key: string;
  text: string;
  streaming: boolean;
  cut: boolean;
}
export interface StepsPart {
  kind: 'steps';
  key: string;
  steps: readonly (ToolStep | ProsePart)[];
}
/** What happened beside the conversation: a person drove the desktop. */
export interface NoticePart {
  kind: 'notice';
  key: string;
  message: Message;
}
/** Something the person said to a run that was already at work. */
export interface SaidPart {
  kind: 'said';
  key: string;
  message: Message;
}
export type Part = ProsePart | StepsPart | SaidPart | NoticePart;

export interface SaidEntry {
  kind: 'said';
  key: string;
  message: Message;
}
export interface TurnEntry {
  kind: 'turn';
  key: string;
  run: RunView | null;
  model: string | null;
  /** When its last message was written. */
  at: string | null;
  /** What its model calls used; null while nothing is known of it. */
  usage: RunUsage | null;
  parts: readonly Part[];
}
export type Entry = SaidEntry | TurnEntry | NoticePart;

export interface View {
  entries: readonly Entry[];
  /** Messages whose run has not begun because another one works. */
  queued: readonly SaidEntry[];
  /** The run that works or waits, the first of them if several. */
  current: RunView | null;
  approvals: readonly ApprovalView[];
  /** True while the run works and nothing of it moves on the screen: the model has been asked and has not begun. */
  thinking: boolean;
}

export const emptyView: View = { entries: [], queued: [], current: null, approvals: [], thinking: false };

/** What the chat shows of a timeline. Parts that did not change are the same objects as in `previous`, so they are not drawn again. */
export function viewOf(state: TimelineState, previous: View = emptyView): View {
  const live = [...state.runs.values()].filter((run) => run.state !== 'ended');
  const current = live.find((run) => run.state !== 'queued') ?? live[0] ?? null;
  const turns = new Map<string, Turn>();
  const order: (Turn | SaidEntry | NoticePart)[] = [];
  const queued: SaidEntry[] = [];
  const turnOf = (key: string, runId: string | null): Turn => {
    const known = turns.get(key);
    if (known) return known;
    const turn: Turn = { key, runId, parts: [], model: null, at: null, listed: new Set() };
    turns.set(key, turn);
    order.push(turn);
    return turn;
  };

  let imported = '';
  for (const message of state.messages) {
    const run = message.run_id === null ? undefined : state.runs.get(message.run_id);
    if (isNotice(message)) {
      const notice: NoticePart = { kind: 'notice', key: message.id, message };
      if (message.run_id !== null && turns.has(message.run_id)) turnOf(message.run_id, message.run_id).parts.push(notice);
      else order.push(notice);
      continue;
    }
    if (message.role === 'user') {
      imported = '';
      const said: SaidEntry = { kind: 'said', key: message.id, message };
      if (message.run_id !== null && turns.has(message.run_id)) turnOf(message.run_id, message.run_id).parts.push(said);
      else if (run?.state === 'queued' && current !== null && run.id !== current.id) queued.push(said);
      else {
        order.push(said);
        if (message.run_id !== null) turnOf(message.run_id, message.run_id);
      }
      continue;
    }
    imported ||= message.id;
    addMessageParts(turnOf(message.run_id ?? `imported:${imported}`, message.run_id), message, state);
  }
  const prose = [...state.blocks.values()].filter(({ kind }) => kind !== 'tool-output');
  // What comes after a block says that it is finished, before the message does.
  for (const [index, block] of prose.entries()) addLiveBlock(turnOf(block.run_id, block.run_id), block, !prose.slice(index + 1).some(({ run_id }) => run_id === block.run_id));
  for (const call of state.calls.values()) if (call.state !== 'ended' && call.runId !== null) addStep(turnOf(call.runId, call.runId), call.id, state);

  const entries = order.map((item): Entry => ('kind' in item ? item : { kind: 'turn', key: `turn:${item.key}`, run: (item.runId !== null && state.runs.get(item.runId)) || null, model: item.model, at: item.at, usage: (item.runId !== null && state.usage.get(item.runId)) || null, parts: item.parts }));
  return share(previous, { entries, queued, current, approvals: [...state.approvals.values()], thinking: isThinking(state, current) });
}

interface Turn {
  key: string;
  runId: string | null;
  parts: (Exclude<Part, StepsPart> | (StepsPart & { steps: (ToolStep | ProsePart)[] }))[];
  model: string | null;
  at: string | null;
  /** Calls that are already shown. */
  listed: Set<string>;
}

function addMessageParts(turn: Turn, message: Message, state: TimelineState): void {
  turn.model = message.model ?? turn.model;
  if (message.role === 'assistant') turn.at = message.created_at;
  for (const [index, block] of message.blocks.entries()) {
    const key = 'block' in block && block.block !== undefined ? `${block.block}:${block.attempt ?? 0}` : `${message.id}:${index}`;
    if (block.type === 'text' || block.type === 'reasoning') addProse(turn, { kind: block.type, key, text: block.text, streaming: false, cut: message.cut });
    else if (block.type !== 'notice') addStep(turn, block.tool_call_id, state);
  }
}

function addLiveBlock(turn: Turn, block: LiveBlock, isLast: boolean): void {
  const kind = block.kind === 'reasoning' ? 'reasoning' : 'text';
  addProse(turn, { kind, key: `${block.block}:${block.attempt}`, text: block.text, streaming: !block.abandoned && isLast, cut: block.abandoned });
}

/** Thinking between two tool calls belongs to their group; thinking that leads to words stands before them. */
function addProse(turn: Turn, part: ProsePart): void {
  if (part.text.trim() === '' && !part.streaming) return;
  const last = turn.parts.at(-1);
  if (part.kind === 'reasoning' && last?.kind === 'steps') {
    last.steps.push(part);
    return;
  }
  if (last?.kind === 'steps') while (last.steps.at(-1)?.kind === 'reasoning') turn.parts.splice(turn.parts.indexOf(last) + 1, 0, last.steps.pop() as ProsePart);
  turn.parts.push(part);
}

function addStep(turn: Turn, callId: string, state: TimelineState): void {
  const call = state.calls.get(callId);
  if (!call || turn.listed.has(callId)) return;
  turn.listed.add(callId);
  const live = [...state.blocks.values()].find((block) => block.tool_call_id === callId);
  const approval = [...state.approvals.values()].find((waiting) => waiting.tool_call_id === callId) ?? null;
  const step: ToolStep = { kind: 'tool', key: callId, call, state: stepState(call, state), output: call.result?.output ?? live?.text ?? '', approval };
  const last = turn.parts.at(-1);
  if (last?.kind === 'steps') last.steps.push(step);
  else turn.parts.push({ kind: 'steps', key: `steps:${callId}`, steps: [step] });
}

function stepState(call: Call, state: TimelineState): StepState {
  if (call.state === 'ended') {
    if (call.decision === 'deny' || call.result?.display?.['denied'] === true) return 'denied';
    if (call.interrupted || call.decision === 'interrupted') return 'interrupted';
    return call.isError ? 'failed' : 'done';
  }
  const run = call.runId === null ? undefined : state.runs.get(call.runId);
  if (call.runId === null || run?.state === 'ended') return 'interrupted';
  return call.state === 'started' ? 'running' : call.state;
}

function isThinking(state: TimelineState, current: RunView | null): boolean {
  // A computer that starts has its own words.
  if (current === null || current.state === 'parked' || state.approvals.size > 0 || state.computer?.state === 'starting') return false;
  if ([...state.blocks.values()].some((block) => block.run_id === current.id && block.kind !== 'tool-output' && !block.abandoned && block.text !== '')) return false;
  return ![...state.calls.values()].some((call) => call.runId === current.id && call.state === 'started');
}
