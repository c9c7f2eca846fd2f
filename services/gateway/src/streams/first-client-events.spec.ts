import { describe, expect, it } from 'vitest';
import type { DurableEvent, Message } from '@deskhand/contracts';
import { FirstClientEvents } from './first-client-events.ts';

const stamp = { seq: 1, created_at: '' };
const message = (fields: Partial<Message>): Message => ({ id: 'm1', branch_id: 'b', run_id: 'r', role: 'assistant', content: '', blocks: [], cut: false, model: null, created_at: '', ...fields });
const ended = (reason: 'completed' | 'interrupted' | 'step-limit' | 'failed', error?: string): DurableEvent => ({ ...stamp, type: 'run-ended', run_id: 'r', reason, ...(error && { error }) });

describe('the feed in the first clients\' words', () => {
  it('completes with all the text that was streamed and the usage of every step', () => {
    const events = new FirstClientEvents();
    const delta = { type: 'text-delta', run_id: 'r', block: 'b0', attempt: 1, offset: 0, text: 'Hello' } as const;
    expect(events.take(delta)).toEqual([{ type: 'assistant_delta', delta: 'Hello' }]);
    expect(events.currentRun).toBe('r');
    events.take({ ...stamp, type: 'message-added', message: message({ content: 'Hello', blocks: [{ type: 'text', text: 'Hello', block: 'b0', attempt: 1 }] }) });
    expect(events.take(ended('completed'))).toEqual([]);
    expect(events.knowsUsage('r')).toBe(false);
    events.take({ ...stamp, type: 'usage-recorded', run_id: 'r', model: 'm', input_tokens: 3, output_tokens: 5, cost: null });
    expect(events.knowsUsage('r')).toBe(true);
    expect(events.complete('r')).toEqual([{ type: 'complete', content: 'Hello', token_usage: { prompt: 3, completion: 5 }, message_id: 'm1' }]);
    expect([events.complete('r'), events.currentRun]).toEqual([[], null]);
  });

  it('gives text that never streamed as one delta', () => {
    const events = new FirstClientEvents();
    expect(events.take({ ...stamp, type: 'message-added', message: message({ content: 'whole', blocks: [{ type: 'text', text: 'whole' }] }) })).toEqual([{ type: 'assistant_delta', delta: 'whole' }]);
    expect(events.complete('r')).toMatchObject([{ content: 'whole' }]);
  });

  it.each([['interrupted', 'cancelled'], ['step-limit', 'max_iterations'], ['failed', 'agent_error']] as const)('ends %s as the error %s', (reason, code) => {
    expect(new FirstClientEvents().take(ended(reason, 'why'))).toEqual([{ type: 'error', code, message: 'why' }]);
  });

  it('tells of a call before its result, also of one that never started', () => {
    const events = new FirstClientEvents();
    events.take({ ...stamp, type: 'message-added', message: message({ blocks: [{ type: 'tool_call', tool_call_id: 'c', name: 'bash', arguments: { command: 'x' } }] }) });
    expect(events.take({ ...stamp, type: 'tool-call-ended', run_id: 'r', tool_call_id: 'c', name: 'bash', is_error: true, result: { output: 'denied' } })).toEqual([
      { type: 'tool_call', tool_call_id: 'c', tool_name: 'bash', tool_input: { command: 'x' } }, { type: 'tool_result', tool_call_id: 'c', result: 'denied', is_error: true },
    ]);
  });

  it('keeps the words of a step until the results before it are told', () => {
    const events = new FirstClientEvents();
    const delta = { type: 'text-delta', run_id: 'r', block: 'b1', attempt: 1, offset: 0, text: 'Done' } as const;
    const result = (id: string): DurableEvent => ({ ...stamp, type: 'tool-call-ended', run_id: 'r', tool_call_id: id, name: 'bash', is_error: false, result: { output: id } });
    const call = (id: string) => ({ type: 'tool_call' as const, tool_call_id: id, name: 'bash', arguments: {} });
    events.take({ ...stamp, type: 'message-added', message: message({ blocks: [call('c'), call('d')] }) });
    expect(events.take(delta)).toEqual([]);
    expect(events.take(result('c')).map(({ type }) => type)).toEqual(['tool_call', 'tool_result']);
    expect(events.take(result('d')).map(({ type }) => type)).toEqual(['tool_call', 'tool_result', 'assistant_delta']);
    expect(events.take({ ...delta, offset: 4, text: '.' })).toEqual([{ type: 'assistant_delta', delta: '.' }]);
    expect(events.complete('r')).toMatchObject([{ content: 'Done.' }]);
  });

  it('joins a turn whose calls are done', () => {
    const events = new FirstClientEvents();
    events.take({
      type: 'snapshot', seq: 4, conversation: {} as never, has_more: false, approvals: [], tool_calls: [], computer: null, runs: [{ id: 'r', state: 'active' }], open_blocks: [],
      messages: [message({ blocks: [{ type: 'tool_call', tool_call_id: 'c', name: 'bash', arguments: {} }] }), message({ id: 'm2', role: 'tool', blocks: [{ type: 'tool_result', tool_call_id: 'c', name: 'bash', is_error: false, result: { output: '' } }] })],
    });
    expect(events.take({ type: 'text-delta', run_id: 'r', block: 'b1', attempt: 1, offset: 0, text: 'On' })).toEqual([{ type: 'assistant_delta', delta: 'On' }]);
  });

  it('joins a running turn with the text so far', () => {
    const events = new FirstClientEvents();
    const told = events.take({
      type: 'snapshot', seq: 4, conversation: {} as never, has_more: false, approvals: [], tool_calls: [], computer: { computer_id: 'k', state: 'ready' }, runs: [{ id: 'r', state: 'active' }],
      messages: [message({ content: 'First. ' })], open_blocks: [{ block: 'b1', kind: 'text', attempt: 1, text: 'Second', run_id: 'r' }, { block: 'b2', kind: 'reasoning', attempt: 1, text: 'hm', run_id: 'r' }],
    });
    expect(told).toEqual([{ type: 'container_status', status: 'connected', message: 'The computer is ready' }, { type: 'assistant_delta', delta: 'Second' }]);
    expect(events.complete('r')).toMatchObject([{ content: 'First. Second' }]);
  });
});
