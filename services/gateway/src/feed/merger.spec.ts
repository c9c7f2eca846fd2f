import { describe, expect, it } from 'vitest';
import type { DurableEvent, LiveEvent } from '@deskhand/contracts';
import { ClosedBlocks } from './closed-blocks.ts';
import { Merger, type FeedEvent } from './merger.ts';

const delta = (offset: number, text: string, attempt = 1, block = 'b'): LiveEvent => ({ type: 'text-delta', run_id: 'r', block, attempt, offset, text });
const answer = (seq: number, text: string, attempt = 1, block = 'b'): DurableEvent => ({
  type: 'message-added', seq, created_at: '',
  message: { id: 'm', branch_id: '', run_id: 'r', role: 'assistant', content: text, blocks: [{ type: 'text', text, block, attempt }], cut: false, model: null, created_at: '' },
});
const abandoned = (seq: number, text: string): DurableEvent => ({ type: 'block-abandoned', seq, created_at: '', run_id: 'r', block: 'b', attempt: 1, kind: 'text', text });
const ended = (seq: number): DurableEvent => ({ type: 'run-ended', seq, created_at: '', run_id: 'r', reason: 'completed' });

function reader(cursor = { seq: 0, open: [] as { block: string; attempt: number; offset: number }[] }) {
  const given: FeedEvent[] = [];
  return { given, merger: new Merger(cursor, new ClosedBlocks(), (event) => given.push(event)), texts: () => given.map((event) => ('text' in event && 'offset' in event ? `${event.offset}:${event.text}` : `${event.type} ${'seq' in event ? event.seq : ''}`)) };
}

describe('a merger', () => {
  it('drops what overlaps and misses what is not here', () => {
    const { merger, texts } = reader();
    expect(merger.delta(delta(2, 'c'))).toBe('missing');
    expect(merger.delta(delta(0, 'ab'))).toBe('taken');
    expect(merger.delta(delta(0, 'ab'))).toBe('known');
    expect(merger.delta(delta(1, 'bc'))).toBe('taken');
    expect(merger.delta(delta(4, 'e'))).toBe('missing');
    expect(texts()).toEqual(['0:ab', '2:c']);
  });

  it('gives the rest of a block before the event that closes it, and nothing of it afterwards', () => {
    const { merger, texts } = reader();
    merger.delta(delta(0, 'ab'));
    expect(merger.cursor()).toEqual({ seq: 0, open: [{ block: 'b', attempt: 1, offset: 2 }] });
    expect(merger.durable(answer(1, 'abcd'))).toBe('taken');
    expect(merger.delta(delta(2, 'cd'))).toBe('known');
    expect(texts()).toEqual(['0:ab', '2:cd', 'message-added 1']);
    expect(merger.cursor()).toEqual({ seq: 1, open: [] });
  });

  it('gives a block that the reader never saw as one delta', () => {
    const { merger, texts } = reader();
    merger.durable(answer(1, 'whole'));
    expect(texts()).toEqual(['0:whole', 'message-added 1']);
  });

  it('goes on from a cursor in the middle of a block', () => {
    const { merger, texts } = reader({ seq: 3, open: [{ block: 'b', attempt: 1, offset: 2 }] });
    merger.blocks([{ block: 'b', kind: 'text', attempt: 1, text: 'abcd', run_id: 'r' }]);
    merger.durable(answer(4, 'abcdef'));
    expect(texts()).toEqual(['2:cd', '4:ef', 'message-added 4']);
  });

  it('takes events strictly by seq', () => {
    const { merger } = reader();
    expect(merger.durable(ended(2))).toBe('missing');
    expect(merger.durable(answer(1, 'x'))).toBe('taken');
    expect(merger.durable(answer(1, 'x'))).toBe('known');
    expect(merger.durable(ended(2))).toBe('taken');
  });

  it('begins a new attempt only after the one before it was given up', () => {
    const { merger, texts } = reader();
    merger.delta(delta(0, 'old'));
    expect(merger.delta(delta(0, 'new', 2))).toBe('missing');
    merger.durable(abandoned(1, 'ol'));
    expect(merger.delta(delta(3, 'late'))).toBe('known');
    expect(merger.delta(delta(0, 'new', 2))).toBe('taken');
    expect(merger.delta(delta(3, 'late'))).toBe('known');
    merger.durable(answer(2, 'new!', 2));
    expect(texts()).toEqual(['0:old', 'block-abandoned 1', '0:new', '3:!', 'message-added 2']);
  });

  it('never splits a surrogate pair', () => {
    const { merger, texts } = reader();
    merger.delta(delta(0, 'a\ud83d'));
    merger.delta(delta(2, '\ude00b'));
    expect(texts()).toEqual(['0:a', '1:😀b']);
  });

  it('does not continue output with the words about an outcome that was lost', () => {
    const { merger, given } = reader();
    merger.delta({ type: 'tool-output-delta', run_id: 'r', tool_call_id: 'c', block: 'b', attempt: 1, offset: 0, text: 'ab' });
    merger.durable({ type: 'tool-call-ended', seq: 1, created_at: '', run_id: 'r', tool_call_id: 'c', name: 'bash', is_error: true, interrupted: true, result: { output: 'Stopped before it finished' }, block: 'b', attempt: 1 });
    expect(given.map(({ type }) => type)).toEqual(['tool-output-delta', 'tool-call-ended']);
  });

  it('forgets a run\'s blocks with the run', () => {
    const { merger } = reader();
    merger.delta(delta(0, 'never closed'));
    merger.durable(ended(1));
    expect(merger.cursor()).toEqual({ seq: 1, open: [] });
  });
});
