import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { estimate, fitToWindow } from './context-window.ts';
import type { ModelMessage, ModelRequest } from './model.ts';

const user = (text: string): ModelMessage => ({ role: 'user', text });
const step = (id: string, output: string): ModelMessage[] => [
  { role: 'assistant', blocks: [{ type: 'text', text: `step ${id}` }, { type: 'tool_call', tool_call_id: id, name: 'bash', arguments: {} }] },
  { role: 'tool', results: [{ tool_call_id: id, text: output, is_error: false }] },
];
const request = (messages: ModelMessage[]): ModelRequest => ({ system: 'Be good.', messages, tools: [] });
const size = (messages: readonly ModelMessage[]) => messages.reduce((sum, message) => sum + estimate(message), 0);
const outputs = (messages: readonly ModelMessage[]) => messages.flatMap((message) => (message.role === 'tool' ? message.results.map(({ text }) => text.length) : []));

describe('fitting a request to a window', () => {
  it('leaves one alone that fits', () => {
    const whole = request([user('hi'), ...step('a', 'x'.repeat(300))]);
    expect(fitToWindow(whole, 10_000)).toBe(whole);
    expect(fitToWindow(whole, null)).toBe(whole);
  });

  it('drops the oldest outputs first and as few as it must', () => {
    const long = 'x'.repeat(9_000);
    const { messages } = fitToWindow(request([user('task'), ...step('a', long), ...step('b', long), ...step('c', long)]), 10_000);
    expect(outputs(messages)[0]).toBeLessThan(100);
    expect(outputs(messages).slice(1)).toEqual([9_000, 9_000]);
    expect(messages).toHaveLength(7);
  });

  it('then drops old exchanges, calls together with their results, but never the task, the last word or the last results', () => {
    const steps = Array.from({ length: 60 }, (_, index) => step(`call-${index}`, 'y'.repeat(900))).flat();
    const { messages } = fitToWindow(request([user('task'), ...steps, user('and now?'), ...step('last', 'z'.repeat(900))]), 4_000);
    expect(messages[0]).toEqual(user('task'));
    expect(messages).toContainEqual(user('and now?'));
    expect(outputs(messages).at(-1)).toBe(900);
    expect(messages.length).toBeLessThan(80);
  });

  it('at last shortens what is long in the middle', () => {
    const { messages } = fitToWindow(request([user(`begin ${'x'.repeat(100_000)} end`)]), 8_000);
    expect(messages[0]).toMatchObject({ text: expect.stringMatching(/^begin [\s\S]*left out[\s\S]* end$/) });
    expect(size(messages)).toBeLessThan(8_000);
  });

  it('always fits, begins with the task, and keeps calls with their results', () => {
    const anything = fc.array(fc.oneof(
      fc.string({ minLength: 1, maxLength: 4_000 }).map((text) => [user(text)]),
      fc.tuple(fc.uuid(), fc.string({ maxLength: 30_000 })).map(([id, output]) => step(id, output)),
    ), { maxLength: 30 });
    fc.assert(fc.property(anything, fc.integer({ min: 6_000, max: 60_000 }), (parts, window) => {
      const { messages } = fitToWindow(request([user('task'), ...parts.flat()]), window);
      expect(size(messages)).toBeLessThanOrEqual(window);
      expect(messages[0]).toMatchObject({ role: 'user', text: expect.stringMatching(/^task/) });
      for (const [index, message] of messages.entries()) if (message.role === 'tool') expect(messages[index - 1]).toMatchObject({ role: 'assistant', blocks: [{}, { tool_call_id: message.results[0]?.tool_call_id }] });
    }), { numRuns: 200 });
  });
});
