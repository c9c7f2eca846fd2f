import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anthropicMessages } from './anthropic-messages.ts';
import { anthropicMessagesEvents } from './anthropic-messages-writer.ts';
import { openaiChat } from './openai-chat.ts';
import { openaiChatEvents } from './openai-chat-writer.ts';
import { LineTooLong, StreamSniffer } from './stream-sniffer.ts';
import { noUsage } from './token-usage.ts';
import type { Turn } from './turn.ts';

const heading = { id: 'x', model: 'm', created: 1 };
const usageOf = fc.record({ uncachedInput: fc.nat(9_999), cacheRead: fc.nat(9_999), output: fc.integer({ min: 1, max: 9_999 }) });
const part = fc.oneof(
  fc.record({ type: fc.constant('text' as const), text: fc.oneof(fc.string({ unit: 'binary', minLength: 1 }), fc.constantFrom('"usage":{"prompt_tokens":1}', '\ndata: {"usage":{}}\n\n', '"usage"', '\\"usage\\":{')) }),
  fc.record({ type: fc.constant('reasoning' as const), text: fc.string({ unit: 'grapheme', minLength: 1 }) }),
  fc.record({ type: fc.constant('tool-call' as const), id: fc.uuid(), name: fc.constant('usage'), arguments: fc.json() }),
);
const turnOf = fc.record({ parts: fc.array(part, { maxLength: 5 }), stop: fc.constantFrom('end' as const, 'tool-calls' as const), usage: usageOf.map((usage) => ({ ...noUsage, ...usage })) }) as fc.Arbitrary<Turn>;
const cuts = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 50 });

function* chunks(text: string, sizes: readonly number[]): Generator<Buffer> {
  const bytes = Buffer.from(text);
  for (let at = 0, index = 0; at < bytes.length; index++) {
    const size = sizes[index % sizes.length] ?? 1;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

function run(sniffer: StreamSniffer, text: string, sizes: readonly number[]): string {
  return Buffer.concat([...[...chunks(text, sizes)].map((chunk) => sniffer.push(chunk)), sniffer.end()]).toString('utf8');
}

describe('a stream on its way through', () => {
  it('OpenAI: usage is found and no byte changes, wherever the chunks are cut', () => {
    fc.assert(fc.property(turnOf, cuts, fc.boolean(), (turn, sizes, carriageReturns) => {
      const text = [...openaiChatEvents(turn, heading, true)].join('').replaceAll('\n', carriageReturns ? '\r\n' : '\n');
      const sniffer = new StreamSniffer(openaiChat, false);
      expect(run(sniffer, text, sizes)).toBe(text);
      expect(sniffer.usage).toEqual(turn.usage);
      expect(sniffer.final).toBe(true);
      expect(sniffer.insideLine).toBe(false);
    }), { numRuns: 300 });
  });

  it('OpenAI: a client that did not ask gets the same stream without the usage event', () => {
    fc.assert(fc.property(turnOf, cuts, (turn, sizes) => {
      const sniffer = new StreamSniffer(openaiChat, true);
      const passed = run(sniffer, [...openaiChatEvents(turn, heading, true)].join(''), sizes);
      const events = passed.split('\n').filter((line) => line.startsWith('data: '));
      const expected = [...openaiChatEvents(turn, heading, true)].filter((event) => !event.includes('"choices":[]')).map((event) => event.trimEnd());
      expect(events).toEqual(expected);
      expect(sniffer.usage).toEqual(turn.usage);
    }), { numRuns: 300 });
  });

  it('Anthropic: usage of the first and the last event together, wherever the chunks are cut', () => {
    fc.assert(fc.property(turnOf, cuts, (turn, sizes) => {
      const text = [...anthropicMessagesEvents(turn, heading)].join('');
      const sniffer = new StreamSniffer(anthropicMessages, false);
      expect(run(sniffer, text, sizes)).toBe(text);
      expect(sniffer.usage).toEqual(turn.usage);
      expect(sniffer.final).toBe(true);
    }), { numRuns: 300 });
  });

  it('keeps a content event that also states usage', () => {
    const event = 'data: {"choices":[{"delta":{"content":"x"}}],"usage":{"prompt_tokens":3,"completion_tokens":4}}\n\n';
    const sniffer = new StreamSniffer(openaiChat, true);
    expect(sniffer.push(Buffer.from(event)).toString()).toBe(event);
    expect(sniffer.usage).toMatchObject({ uncachedInput: 3, output: 4 });
  });

  it('passes each chunk on at once, the same bytes', () => {
    const sniffer = new StreamSniffer(openaiChat, false);
    const chunk = Buffer.from('data: {"half');
    expect(sniffer.push(chunk)).toBe(chunk);
    expect(sniffer.insideLine).toBe(true);
  });

  it('gives up on a line without end', () => {
    const sniffer = new StreamSniffer(openaiChat, false, 1_000);
    expect(() => { for (let count = 0; count < 20; count++) sniffer.push(Buffer.alloc(100, 'x')); }).toThrow(LineTooLong);
  });

  it('estimates what a stream without usage held', () => {
    const text = 'word '.repeat(200);
    for (const pieces of [[...openaiChatEvents({ parts: [{ type: 'text', text }], stop: 'end', usage: noUsage }, heading, false)], [`data: {"choices":[{"delta":{"content":""}}]}\n\n`, `data: {"choices":[{"delta":{"content":${JSON.stringify(text)}}}]}\n\n`]]) {
      const sniffer = new StreamSniffer(openaiChat, false);
      for (const piece of pieces) sniffer.push(Buffer.from(piece));
      expect(sniffer.estimatedOutput()).toBeGreaterThan(150);
      expect(sniffer.estimatedOutput()).toBeLessThan(700);
    }
  });
});
