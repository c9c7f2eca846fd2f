import type { ConversationView, DurableEvent, Message, Snapshot, TimelineEvent } from '@deskhand/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromSnapshot, reduce } from './reduce.ts';
import { emptyTimeline, type TimelineState } from './state.ts';
import { emptyView, type StepsPart, type TurnEntry, viewOf } from './view.ts';

const conversation: ConversationView = {
  id: 'c', title: 'New Conversation', provider: null, model_name: null, system_prompt_override: null, approval_mode: 'auto', branch_id: 'b',
  pinned: false, archived: false, activity: 'idle', created_at: '2026-11-21 10:00:00', updated_at: '2026-11-21 10:00:00',
};
const emptySnapshot: Snapshot = { seq: 0, conversation, messages: [], has_more: false, runs: [], open_blocks: [], approvals: [], tool_calls: [], computer: null };
const created_at = '2026-11-21T10:00:00.000Z';

function message(id: string, role: Message['role'], runId: string, blocks: Message['blocks'], cut = false): Message {
  return { id, branch_id: 'b', run_id: runId, role, content: '', blocks, cut, model: role === 'user' ? null : 'scripted/demo', created_at };
}

type Unnumbered = DurableEvent extends infer Event ? (Event extends DurableEvent ? Omit<Event, 'seq' | 'created_at'> : never) : never;

/** Numbers durable events as the database would and leaves deltas as they are. */
function timeline(events: readonly (Unnumbered | Extract<TimelineEvent, { offset: number }>)[]): TimelineEvent[] {
  let seq = 0;
  return events.map((event) => ('offset' in event ? event : ({ ...event, seq: ++seq, created_at } as TimelineEvent)));
}

const said = message('m1', 'user', 'r1', [{ type: 'text', text: 'Go' }]);
const answer = 'First I look.\n\nThen I act.';
const output = 'one\ntwo\nthree\n';
const story = timeline([
  { type: 'message-added', message: said },
  { type: 'run-started', run_id: 'r1', epoch: 1 },
  { type: 'reasoning-delta', run_id: 'r1', block: 'b0', attempt: 1, offset: 0, text: 'Hmm, ' },
  { type: 'reasoning-delta', run_id: 'r1', block: 'b0', attempt: 1, offset: 5, text: 'files.' },
  ...[...answer].map((text, offset) => ({ type: 'text-delta' as const, run_id: 'r1', block: 'b1', attempt: 1, offset, text })),
  {
    type: 'message-added',
    message: message('m2', 'assistant', 'r1', [
      { type: 'reasoning', text: 'Hmm, files.', block: 'b0', attempt: 1 },
      { type: 'text', text: answer, block: 'b1', attempt: 1 },
      { type: 'tool_call', tool_call_id: 't1', name: 'bash', arguments: { command: 'seq 3' } },
      { type: 'tool_call', tool_call_id: 't2', name: 'write', arguments: { path: 'a', content: 'b' } },
    ]),
  },
  { type: 'tool-call-started', run_id: 'r1', tool_call_id: 't1', name: 'bash', arguments: { command: 'seq 3' }, block: 'o1', attempt: 1 },
  { type: 'approval-requested', approval_id: 'a1', conversation_id: 'c', run_id: 'r1', tool_call_id: 't2', name: 'write', arguments: { path: 'a', content: 'b' }, reason: 'ask', created_at } as never,
  ...[...output].map((text, offset) => ({ type: 'tool-output-delta' as const, run_id: 'r1', tool_call_id: 't1', block: 'o1', attempt: 1, offset, text })),
  { type: 'tool-call-ended', run_id: 'r1', tool_call_id: 't1', name: 'bash', is_error: false, result: { output, exit_code: 0 }, block: 'o1', attempt: 1 },
  { type: 'approval-resolved', approval_id: 'a1', run_id: 'r1', tool_call_id: 't2', decision: 'allow', by: 'u' },
  { type: 'tool-call-started', run_id: 'r1', tool_call_id: 't2', name: 'write', arguments: { path: 'a', content: 'b' }, block: 'o2', attempt: 1 },
  { type: 'tool-call-ended', run_id: 'r1', tool_call_id: 't2', name: 'write', is_error: false, result: { output: 'ok' }, block: 'o2', attempt: 1 },
  { type: 'message-added', message: message('m3', 'tool', 'r1', [{ type: 'tool_result', tool_call_id: 't1', name: 'bash', result: { output, exit_code: 0 }, is_error: false }, { type: 'tool_result', tool_call_id: 't2', name: 'write', result: { output: 'ok' }, is_error: false }]) },
  { type: 'text-delta', run_id: 'r1', block: 'b2', attempt: 1, offset: 0, text: 'Half an ans' },
  { type: 'block-abandoned', run_id: 'r1', block: 'b2', attempt: 1, kind: 'text', text: 'Half an' },
  { type: 'message-added', message: message('m4', 'assistant', 'r1', [{ type: 'text', text: 'Half an', block: 'b2', attempt: 1 }], true) },
  { type: 'text-delta', run_id: 'r1', block: 'b3', attempt: 1, offset: 0, text: 'Done.' },
  { type: 'message-added', message: message('m5', 'assistant', 'r1', [{ type: 'text', text: 'Done.', block: 'b3', attempt: 1 }]) },
  { type: 'usage-recorded', run_id: 'r1', model: 'm', input_tokens: 40, output_tokens: 2, cached_tokens: 30, cost: 0.5 },
  { type: 'run-ended', run_id: 'r1', reason: 'completed' },
  { type: 'usage-recorded', run_id: 'r1', model: 'm', input_tokens: 50, output_tokens: 8, cost: null },
]);

const start = fromSnapshot(emptyTimeline, emptySnapshot);

function play(state: TimelineState, events: readonly TimelineEvent[]): TimelineState {
  for (const event of events) {
    const step = reduce(state, event);
    if (step.gap) throw new Error(`gap before ${JSON.stringify(event)}`);
    state = step.state;
  }
  return state;
}

/** What a server would answer to `after`: durable events that followed, the open blocks from their offset, then the rest. */
function resume(state: TimelineState, at: number): TimelineEvent[] {
  const reached = play(start, story.slice(0, at));
  const durable = story.slice(0, at).filter((event) => 'seq' in event && event.seq > state.seq);
  const open = [...reached.blocks.values()].flatMap((block): TimelineEvent[] => {
    if (block.abandoned) return [];
    const known = state.blocks.get(block.block);
    const offset = known?.attempt === block.attempt ? known.text.length : 0;
    const { run_id, attempt, tool_call_id } = block;
    const delta = { run_id, block: block.block, attempt, offset, text: block.text.slice(offset) };
    return [tool_call_id !== undefined ? { type: 'tool-output-delta', ...delta, tool_call_id } : { type: block.kind === 'text' ? 'text-delta' : 'reasoning-delta', ...delta }];
  });
  return [...durable, ...open, ...story.slice(at)];
}

describe('a timeline', () => {
  const whole = viewOf(play(start, story));

  it('shows the story whole', () => {
    const [person, turn] = whole.entries as [unknown, TurnEntry];
    expect(person).toMatchObject({ kind: 'said' });
    expect(turn.parts.map((part) => part.kind)).toEqual(['reasoning', 'text', 'steps', 'text', 'text']);
    expect((turn.parts[2] as StepsPart).steps).toMatchObject([{ state: 'done', output }, { state: 'done', output: 'ok' }]);
    expect(turn.parts[3]).toMatchObject({ text: 'Half an', cut: true });
    expect(turn.run).toMatchObject({ state: 'ended', reason: 'completed' });
    expect(whole).toMatchObject({ queued: [], current: null, approvals: [], thinking: false });
  });

  it('is the same after any cut and resume', () => {
    fc.assert(
      fc.property(fc.nat(story.length), fc.nat(story.length), (one, other) => {
        const [cut, back] = [Math.min(one, other), Math.max(one, other)];
        const kept = play(start, story.slice(0, cut));
        expect(viewOf(play(kept, resume(kept, back)))).toEqual(whole);
      }),
      { numRuns: 500 },
    );
  });

  it('drops what it already has, wherever it is sent again', () => {
    fc.assert(
      fc.property(fc.nat(story.length), fc.nat(12), (at, back) => {
        const again = story.slice(Math.max(0, at - back), at);
        expect(viewOf(play(play(start, story.slice(0, at)), [...again, ...story.slice(at)]))).toEqual(whole);
      }),
      { numRuns: 500 },
    );
  });

  it('asks again when something is missing', () => {
    const beforeText = play(start, story.slice(0, 4));
    expect(reduce(beforeText, { type: 'text-delta', run_id: 'r1', block: 'b1', attempt: 1, offset: 3, text: 'x' }).gap).toBe(true);
    expect(reduce(start, story[1]!).gap).toBe(true);
  });

  it('joins overlapping deltas without a repeat', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 200 }), fc.array(fc.tuple(fc.nat(20), fc.integer({ min: 1, max: 30 })), { maxLength: 60 }), (text, pieces) => {
        let state = play(start, story.slice(0, 2));
        let reached = 0;
        for (const [back, length] of [...pieces, [0, text.length] as const]) {
          const offset = Math.max(0, reached - back);
          state = play(state, [{ type: 'text-delta', run_id: 'r1', block: 'x', attempt: 1, offset, text: text.slice(offset, offset + length) }]);
          reached = Math.max(reached, Math.min(text.length, offset + length));
        }
        expect(state.blocks.get('x')?.text).toBe(text);
      }),
    );
  });

  it('starts a block over with a new attempt', () => {
    const first = play(start, [...story.slice(0, 2), { type: 'text-delta', run_id: 'r1', block: 'b1', attempt: 1, offset: 0, text: 'old' }]);
    const second = play(first, [{ type: 'text-delta', run_id: 'r1', block: 'b1', attempt: 2, offset: 0, text: 'new' }]);
    expect(second.blocks.get('b1')).toMatchObject({ text: 'new', attempt: 2 });
    expect(play(second, [{ type: 'text-delta', run_id: 'r1', block: 'b1', attempt: 1, offset: 3, text: '!' }])).toBe(second);
  });

  it('keeps queued messages out of the log until their run begins', () => {
    const state = play(start, story.slice(0, 2));
    const queued = play(state, [{ type: 'message-added', seq: 3, created_at, message: message('q', 'user', 'r2', [{ type: 'text', text: 'Next' }]) }]);
    expect(viewOf(queued)).toMatchObject({ queued: [{ key: 'q' }], current: { id: 'r1' } });
    expect(viewOf(queued).entries.some((entry) => entry.key === 'q')).toBe(false);
    const next = play(queued, [{ type: 'run-ended', seq: 4, created_at, run_id: 'r1', reason: 'interrupted' }, { type: 'run-started', seq: 5, created_at, run_id: 'r2', epoch: 1 }]);
    expect(viewOf(next)).toMatchObject({ queued: [], current: { id: 'r2' }, thinking: true });
    expect(viewOf(next).entries.map((entry) => entry.key)).toContain('q');
  });

  it('forgets a message that was taken back', () => {
    const queued = play(start, [...story.slice(0, 2), { type: 'message-added', seq: 3, created_at, message: message('q', 'user', 'r2', [{ type: 'text', text: 'Next' }]) }]);
    const taken = play(queued, [{ type: 'message-withdrawn', seq: 4, created_at, run_id: 'r2', message_id: 'q' }, { type: 'run-ended', seq: 5, created_at, run_id: 'r2', reason: 'interrupted' }]);
    expect(viewOf(taken)).toMatchObject({ queued: [], current: { id: 'r1' } });
    expect(viewOf(taken).entries).toEqual(viewOf(play(start, story.slice(0, 2))).entries);
  });

  it('shows steering inside the turn that it steers', () => {
    const state = play(start, [...story.slice(0, 2), { type: 'message-added', seq: 3, created_at, message: message('s', 'user', 'r1', [{ type: 'text', text: 'Left' }]) }]);
    expect(viewOf(state).entries).toHaveLength(2);
    expect((viewOf(state).entries[1] as TurnEntry).parts).toMatchObject([{ kind: 'said', key: 's' }]);
  });

  it('draws nothing again that did not change', () => {
    let view = emptyView;
    let state = start;
    for (const event of story) {
      const before = view;
      state = play(state, [event]);
      view = viewOf(state, view);
      if (event.type === 'text-delta') expect(view.entries[0]).toBe(before.entries[0]);
    }
    expect(viewOf(state, view)).toBe(view);
  });
});

describe('the desktop', () => {
  const notice = (id: string, runId: string) => message(id, 'user', runId, [{ type: 'notice', kind: 'desktop-driven', text: 'A person used the desktop for 34 s.', facts: { seconds: 34 } }]);
  const lease = (seq: number, change: object): TimelineEvent => ({ type: 'desktop-lease-changed', seq, created_at, holder: null, client_id: null, epoch: 1, until: null, ...change });
  const driving = { holder: 'ada', client_id: 'tab', until: '2026-11-21T12:10:00.000Z' };

  it('knows who drives, who asks, and how it ended', () => {
    const taken = play(start, [lease(1, driving)]);
    expect(taken.lease).toEqual({ holder: 'ada', clientId: 'tab', epoch: 1, until: driving.until, askedBy: null });
    const asked = play(taken, [lease(2, { ...driving, asked_by: 'other' })]);
    expect(asked.lease?.askedBy).toBe('other');
    expect(fromSnapshot(asked, { ...emptySnapshot, seq: 2, desktop_lease: { ...driving, epoch: 1 } }).lease).toEqual(asked.lease);
    expect(fromSnapshot(asked, { ...emptySnapshot, seq: 2, desktop_lease: { ...driving, epoch: 2 } }).lease?.askedBy).toBeNull();
    const over = play(asked, [lease(3, { reason: 'idle', asked_by: 'other' })]);
    expect(over).toMatchObject({ lease: null, leaseEnd: { clientId: 'tab', reason: 'idle' } });
    expect(play(over, [lease(4, { ...driving, epoch: 2 })])).toMatchObject({ lease: { epoch: 2 }, leaseEnd: null });
  });

  it('shows a turn at it as a line that starts no run', () => {
    const alone = play(start, [{ type: 'message-added', seq: 1, created_at, message: notice('n', 'r-none') }]);
    expect(viewOf(alone)).toMatchObject({ entries: [{ kind: 'notice', key: 'n' }], current: null, queued: [] });
    const within = play(start, [...story.slice(0, 2), { type: 'message-added', seq: 3, created_at, message: notice('n', 'r1') }]);
    expect((viewOf(within).entries[1] as TurnEntry).parts).toMatchObject([{ kind: 'notice', key: 'n' }]);
  });
});

describe('thinking', () => {
  const call = (id: string) => message(`m-${id}`, 'assistant', 'r1', [{ type: 'tool_call', tool_call_id: id, name: 'bash', arguments: {} }]);
  const thought = (id: string, after: Message['blocks'] = []) => message(`m-${id}`, 'assistant', 'r1', [{ type: 'reasoning', text: 'Hm.' }, ...after]);
  const partsOf = (...messages: Message[]) => {
    const events = timeline([{ type: 'message-added', message: said }, ...messages.map((one) => ({ type: 'message-added' as const, message: one }))]);
    return (viewOf(play(start, events)).entries[1] as TurnEntry).parts.map((part) => (part.kind === 'steps' ? part.steps.map(({ kind }) => kind) : part.kind));
  };

  it('belongs to the steps that it leads to', () => {
    expect(partsOf(call('a'), thought('b'), call('c'))).toEqual([['tool', 'reasoning', 'tool']]);
  });

  it('stands before the words that it leads to', () => {
    expect(partsOf(call('a'), thought('b', [{ type: 'text', text: 'So.' }]))).toEqual([['tool'], 'reasoning', 'text']);
  });
});
