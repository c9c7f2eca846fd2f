import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hearAnthropic, hearChat, hearResponses, type Heard } from '../../../test/wire/hear.ts';
import { sayAnthropic, sayChat, sayConverse, sayResponses, type SayOptions } from '../../../test/wire/say.ts';
import { through } from '../../../test/wire/streams.ts';
import { saidTurns, type SaidTurn } from '../../../test/wire/turns.ts';
import type { ConversationFormat, CalledFormat } from '../formats.ts';
import { translationBetween, type TranslatedCall } from '../translation.ts';

const say: Record<CalledFormat, (turn: SaidTurn, options?: SayOptions) => string> = { 'openai-chat': sayChat, 'anthropic-messages': sayAnthropic, 'openai-responses': sayResponses, 'bedrock-converse': sayConverse };
const hear: Record<ConversationFormat, (stream: string) => Heard> = { 'openai-chat': hearChat, 'anthropic-messages': hearAnthropic, 'openai-responses': hearResponses };
const clients: ConversationFormat[] = ['openai-chat', 'anthropic-messages', 'openai-responses'];
const upstreams: CalledFormat[] = ['openai-chat', 'anthropic-messages', 'openai-responses', 'bedrock-converse'];
const pairs = clients.flatMap((client) => upstreams.filter((upstream) => upstream !== client).map((upstream) => [client, upstream] as const));

const asked: Record<ConversationFormat, Record<string, unknown>> = {
  'openai-chat': { model: 'm', stream: true, stream_options: { include_usage: true }, messages: [{ role: 'user', content: 'hi' }] },
  'anthropic-messages': { model: 'm', stream: true, max_tokens: 100, messages: [{ role: 'user', content: 'hi' }] },
  'openai-responses': { model: 'm', stream: true, input: 'hi' },
};
const call = (client: ConversationFormat, upstream: CalledFormat): TranslatedCall => translationBetween(client, upstream)!.request(asked[client]);

describe.each(pairs)('a stream for a client of %s from an upstream of %s', (client, upstream) => {
  it('is the same turn wherever its bytes are cut and however calls interleave', () => {
    fc.assert(
      fc.property(saidTurns, fc.array(fc.nat(40), { maxLength: 60 }), fc.array(fc.nat(7), { maxLength: 80 }), fc.constantFrom('after', 'with', 'every' as const), (turn, cuts, interleaving, usage) => {
        const heard = hear[client](through(call(client, upstream), say[upstream](turn, { interleaving, usage }), cuts));
        // Converse does not say how much of the output was reasoning.
        const stated = upstream === 'bedrock-converse' ? { ...turn.usage, reasoning: 0 } : turn.usage;
        // Calls stand in the order in which they began, which interleaving changes.
        const calls = heard.blocks.filter((block) => block.type === 'call').toSorted((a, b) => a.id.localeCompare(b.id));
        expect({ blocks: [...heard.blocks.filter((block) => block.type !== 'call'), ...calls], stop: heard.stop, usage: heard.usage }).toEqual({ blocks: turn.blocks, stop: turn.stop, usage: stated });
      }),
      { numRuns: 150 },
    );
  }, 60_000);

  it('passes each event on with the chunk that made it whole', () => {
    const turn: SaidTurn = { blocks: [{ type: 'text', text: 'one two three four five six' }], stop: 'end', usage: { fresh: 1, read: 0, written: 0, output: 1, reasoning: 0 } };
    const translation = call(client, upstream).stream();
    let silent = 0;
    let said = '';
    for (const event of say[upstream](turn).split(/(?<=\n\n)/)) {
      const out = Buffer.from(translation.push(Buffer.from(event))).toString('utf8');
      const piece = /"(?:delta":\{"(?:content|text)|text|delta)":"(\w{1,3} ?\w?)"/.exec(event)?.[1];
      if (piece !== undefined && event.includes('elta') && !out.includes(piece)) silent++;
      said += out;
    }
    expect(silent).toBe(0);
    expect(hear[client](said + Buffer.from(translation.end()).toString('utf8')).blocks).toEqual(turn.blocks);
  });

  it('that breaks off becomes an error in the client\'s format, not an answer', () => {
    const whole = say[upstream]({ blocks: [{ type: 'text', text: 'Hello there' }], stop: 'end', usage: { fresh: 1, read: 0, written: 0, output: 1, reasoning: 0 } });
    const broken = through(call(client, upstream), whole.slice(0, whole.indexOf('lo ')));
    expect(broken).toMatch(/too early/);
    expect(broken).not.toMatch(/message_stop|\[DONE\]|response\.completed|finish_reason":"/);
  });
});
