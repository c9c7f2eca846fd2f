// SECURITY.md 24, 25: what providers and clients send, however wrong. FUZZ_CASES=10000 for the whole run, for each pair of formats.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tried } from '../../../test/fuzz/cases.ts';
import { hostileBodies } from '../../../test/fuzz/client-bodies.ts';
import { endingOf } from '../../../test/fuzz/stream-order.ts';
import { hostileAnswers, hostileEvents, hostileStream } from '../../../test/fuzz/vendor-streams.ts';
import { hearAnthropic, hearChat, hearResponses, type Heard } from '../../../test/wire/hear.ts';
import { sayAnthropic, sayChat, sayResponses } from '../../../test/wire/say.ts';
import { through } from '../../../test/wire/streams.ts';
import { saidTurns } from '../../../test/wire/turns.ts';
import { estimatedTokens } from '../count-tokens.ts';
import type { ConversationFormat, CalledFormat } from '../formats.ts';
import { LineTooLong, StreamSniffer } from '../stream-sniffer.ts';
import { translationBetween, type Dialect, type TranslatedCall } from '../translation.ts';
import { usageReaders } from '../usage-readers.ts';
import { WireError } from '../wire-format.ts';

const clients: ConversationFormat[] = ['openai-chat', 'anthropic-messages', 'openai-responses'];
const upstreams: CalledFormat[] = ['openai-chat', 'anthropic-messages', 'openai-responses', 'bedrock-converse'];
const pairs = clients.flatMap((client) => upstreams.filter((upstream) => upstream !== client).map((upstream) => [client, upstream] as const));
const few = 60;
const patience = 1_800_000;

const tools = { 'openai-chat': [{ type: 'function', function: { name: 'run', parameters: {} } }, { type: 'custom', custom: { name: 'apply_patch' } }], 'anthropic-messages': [{ name: 'run', input_schema: { type: 'object' } }], 'openai-responses': [{ type: 'function', name: 'run', parameters: {} }, { type: 'custom', name: 'apply_patch' }, { type: 'local_shell' }] };
const asked: Record<ConversationFormat, Record<string, unknown>> = {
  'openai-chat': { model: 'm', stream: true, stream_options: { include_usage: true }, messages: [{ role: 'user', content: 'hi' }], stop: ['STOP'], tools: tools['openai-chat'] },
  'anthropic-messages': { model: 'm', stream: true, max_tokens: 100, messages: [{ role: 'user', content: 'hi' }], stop_sequences: ['STOP'], tools: tools['anthropic-messages'] },
  'openai-responses': { model: 'm', stream: true, input: 'hi', tools: tools['openai-responses'] },
};
const call = (client: ConversationFormat, upstream: CalledFormat): TranslatedCall => translationBetween(client, upstream)!.request(asked[client]);

/** Ids that nobody stated are made up, and differ from run to run, as the second does in which it runs. */
const withoutIds = (stream: string): string => stream.replace(/"(?:created|created_at|completed_at)":\d+/g, '').replace(/[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f-]{8,}/g, 'id');
const cuts = fc.array(fc.nat(90), { maxLength: 40 });

/** What it gives, or the declared error that it refuses with. Anything else is thrown on. */
function declared<Result>(work: () => Result): Result | WireError {
  try {
    return work();
  } catch (error) {
    if (error instanceof WireError) return error;
    throw error;
  }
}

describe.each(pairs)('whatever a provider sends, for a client of %s from an upstream of %s', (client, upstream) => {
  it('a stream keeps the order of the client\'s format, ends, and is the same wherever it is cut', () => {
    fc.assert(fc.property(hostileStream(upstream), cuts, (bytes, places) => {
      const whole = through(call(client, upstream), bytes);
      endingOf[client](whole);
      expect(withoutIds(through(call(client, upstream), bytes, places))).toBe(withoutIds(whole));
    }), tried(few));
  }, patience);

  it('an answer is an answer or a declared error', () => {
    fc.assert(fc.property(hostileAnswers[upstream], (answer) => {
      const written = declared(() => call(client, upstream).answer(answer));
      if (!(written instanceof WireError)) expect(JSON.parse(JSON.stringify(written))).toBeTypeOf('object');
    }), tried(few));
  }, patience);

  it('a refusal is a refusal', () => {
    fc.assert(fc.property(fc.integer({ min: 400, max: 599 }), fc.oneof(fc.jsonValue(), fc.string(), hostileEvents[upstream]), (status, body) => {
      const failure = translationBetween(client, upstream)!.failure(status, body);
      expect(failure.status).toBeGreaterThanOrEqual(400);
      expect(failure.status).toBeLessThan(600);
      expect(JSON.stringify(failure.body)).toContain('message');
    }), tried(few));
  }, patience);
});

const dialects: fc.Arbitrary<Dialect> = fc.record({
  maxTokensField: fc.constantFrom('max_tokens', 'max_completion_tokens'), developerRole: fc.boolean(), streamUsage: fc.boolean(), efforts: fc.constantFrom([], ['low', 'high'], ['none', 'xhigh']), reasoningEcho: fc.boolean(), sampling: fc.boolean(),
  thinking: fc.constantFrom('adaptive', 'budget', 'never'), systemInPlace: fc.boolean(), schemas: fc.boolean(), nineLetterCallIds: fc.boolean(), outputLimit: fc.nat(5_000),
}, { requiredKeys: [] });

describe.each(pairs)('whatever a client of %s asks an upstream of %s', (client, upstream) => {
  it('is translated or refused with a declared error', () => {
    fc.assert(fc.property(hostileBodies[client], dialects, (body, dialect) => {
      const translated = declared(() => translationBetween(client, upstream, dialect)!.request(body));
      if (!(translated instanceof WireError)) expect(JSON.parse(JSON.stringify(translated.body))).toBeTypeOf('object');
    }), tried(few));
  }, patience);
});

const say = { 'openai-chat': sayChat, 'anthropic-messages': sayAnthropic, 'openai-responses': sayResponses };
const hear: Record<ConversationFormat, (stream: string) => Heard> = { 'openai-chat': hearChat, 'anthropic-messages': hearAnthropic, 'openai-responses': hearResponses };
const between = clients.flatMap((one) => clients.filter((other) => other !== one).map((other) => [one, other] as const));

describe.each(between)('a stream of %s', (one, other) => {
  it(`told to a client of ${other} and from there to one of ${one} is the same turn`, () => {
    fc.assert(fc.property(saidTurns, cuts, cuts, (turn, there, back) => {
      const middle = through(call(other, one), say[one](turn), there);
      const heard = hear[one](through(call(one, other), middle, back));
      expect({ blocks: heard.blocks, stop: heard.stop, usage: heard.usage }).toEqual({ blocks: turn.blocks, stop: turn.stop, usage: turn.usage });
    }), tried(few));
  }, patience);
});

describe.each(upstreams)('a stream of %s that passes untouched', (upstream) => {
  it('stays byte for byte what it was, whatever it holds and wherever it is cut', () => {
    fc.assert(fc.property(hostileStream(upstream), cuts, (bytes, places) => {
      const sniffer = new StreamSniffer(usageReaders[upstream], false);
      const passed: Buffer[] = [];
      let at = 0;
      for (const size of places) passed.push(sniffer.push(bytes.subarray(at, (at += size))));
      passed.push(sniffer.push(bytes.subarray(at)), sniffer.end());
      expect(Buffer.concat(passed).equals(bytes)).toBe(true);
      expect(sniffer.estimatedOutput()).toBeGreaterThanOrEqual(0);
    }), tried(few));
  }, patience);

  it('loses nothing but the usage that the client did not ask for', () => {
    fc.assert(fc.property(hostileStream(upstream), cuts, (bytes, places) => {
      const once = (sizes: readonly number[]): string => {
        const sniffer = new StreamSniffer(usageReaders[upstream], true);
        const passed: Buffer[] = [];
        let at = 0;
        for (const size of sizes) passed.push(sniffer.push(bytes.subarray(at, (at += size))));
        return Buffer.concat([...passed, sniffer.push(bytes.subarray(at)), sniffer.end()]).toString('latin1');
      };
      const cut = once(places);
      expect(cut).toBe(once([]));
      expect(cut.length).toBeLessThanOrEqual(bytes.length);
    }), tried(few));
  }, patience);
});

it('a line that never ends costs as much as its bytes, however small its pieces are', () => {
  const stream = call('anthropic-messages', 'openai-chat').stream();
  const piece = Buffer.alloc(128, 'x');
  const started = performance.now();
  stream.push(Buffer.from('data: '));
  expect(() => { for (;;) stream.push(piece); }).toThrow(LineTooLong);
  // 131,072 pieces; searched from the beginning each time it would be a terabyte.
  expect(performance.now() - started).toBeLessThan(5_000);
});

it.each(clients)('tokens of any body of %s can be estimated', (client) => {
  fc.assert(fc.property(hostileBodies[client], (body) => {
    const tokens = declared(() => estimatedTokens(client, body));
    if (!(tokens instanceof WireError)) expect(tokens).toBeGreaterThanOrEqual(0);
  }), tried(few));
}, patience);
