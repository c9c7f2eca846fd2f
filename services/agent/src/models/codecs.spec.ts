import fc from 'fast-check';
import { newId, type ContentBlock, type WireFormat } from '@deskhand/contracts';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { cutAt, startUpstream, type Upstream, type UpstreamAnswer } from '../../test/fakes/upstream.ts';
import { anthropic, openAi } from '../../test/fixtures.ts';
import { ModelError, type ModelEvent, type ModelRequest } from '../loop/model.ts';
import { StepBlocks } from '../loop/step-blocks.ts';
import { LiveBlocks } from '../worker/live-blocks.ts';
import { GatewayModel, GatewayModels, type Route } from './gateway-model.ts';
import { shortCallId } from './openai-chat.ts';

/** Real: both SDKs and HTTP. The upstream plays recorded shapes. */

let upstream: Upstream;
beforeAll(async () => { upstream = await startUpstream(); });
afterAll(async () => upstream.close());
beforeEach(() => { upstream.answers.length = 0; upstream.requests.length = 0; });

const empty: ModelRequest = { system: 'Be good.', messages: [{ role: 'user', text: 'Hi' }], tools: [] };
const route = (wire: WireFormat): Route => ({ wire, base_url: upstream.url, token: 'dhr_token-of-the-run', model: 'm-1', label: 'M One', scripted: false, context_window: null });

async function ask(wire: WireFormat, answer: UpstreamAnswer, request = empty): Promise<{ blocks: ContentBlock[]; events: ModelEvent[]; ended: string | null; error: ModelError | null }> {
  upstream.answers.push(answer);
  const step = new StepBlocks(new LiveBlocks(() => {}, async () => ({ behind: [] })).of({ run_id: 'r', epoch: 1, user_id: 'u', conversation_id: 'c' }), 'r', 0, 100);
  const events: ModelEvent[] = [];
  let error: ModelError | null = null;
  try {
    for await (const event of new GatewayModel(route(wire)).stream(request, new AbortController().signal)) {
      events.push(event);
      step.take(event);
    }
  } catch (thrown) {
    if (!(thrown instanceof ModelError)) throw thrown;
    error = thrown;
  }
  return { blocks: step.finish(newId), events, ended: step.ended, error };
}

const bare = (blocks: ContentBlock[]) => blocks.map((block) => {
  const { block: _, attempt: __, tool_call_id: ___, ...rest } = block as Record<string, unknown>;
  return rest;
});
const call = (name: string, input: object) => ({ type: 'tool_call', name, arguments: input });
const formats = ['openai-chat', 'anthropic-messages'] as const;
const fixtures = { 'openai-chat': openAi, 'anthropic-messages': anthropic };

describe.each(formats)('the %s format', (wire) => {
  const fixture = fixtures[wire];
  const whole = (text: string) => ({ parts: [text] });

  it('streams text', async () => {
    const { blocks, ended } = await ask(wire, whole(fixture.text));
    expect(bare(blocks)).toEqual([{ type: 'text', text: 'Grüße 😀, world' }]);
    expect(ended).toBe('stop');
  });

  it('puts calls together whose arguments come interleaved', async () => {
    const { blocks, ended } = await ask(wire, whole(fixture.interleaved));
    expect(bare(blocks)).toEqual([{ type: 'text', text: 'Both:' }, call('bash', { command: 'ls' }), call('read', { path: 'ü.txt' })]);
    expect(ended).toBe('tool-calls');
    const ids = blocks.flatMap((block) => (block.type === 'tool_call' ? [block.tool_call_id] : []));
    expect(new Set(ids).size).toBe(2);
    expect(ids[0]).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('says the same wherever the bytes are cut', async () => {
    for (const [name, text] of Object.entries({ text: fixture.text, interleaved: fixture.interleaved, thinking: fixture.thinking })) {
      const expected = bare((await ask(wire, whole(text))).blocks);
      await fc.assert(fc.asyncProperty(fc.array(fc.nat(10_000), { minLength: 1, maxLength: 40 }), async (places) => {
        const { blocks } = await ask(wire, { parts: cutAt(text, places) });
        expect(bare(blocks), name).toEqual(expected);
      }), { numRuns: 12 });
    }
  });

  it('never takes an answer that stops for one that ended', async () => {
    for (const breaks of [false, true]) {
      const { blocks, ended, error } = await ask(wire, { parts: [fixture.cut], breaks });
      expect(bare(blocks)).toEqual([{ type: 'text', text: 'Half an ans' }]);
      expect(ended).toBeNull();
      if (breaks) expect(error).toMatchObject({ kind: 'cut' });
    }
  });

  it('hears an error within a stream, and a refusal', async () => {
    expect((await ask(wire, whole(fixture.errorEvent))).error).toMatchObject({ kind: 'cut', message: expect.stringMatching(/Overloaded|had an error/) });
    expect((await ask(wire, whole(fixture.refused))).ended).toBe('refused');
  });

  it('tells what may pass from what will not, in the upstream\'s words, without anything like a key', async () => {
    const json = { 'content-type': 'application/json' };
    const failing = async (status: number, body: object, headers: Record<string, string> = {}) => (await ask(wire, { status, headers: { ...json, ...headers }, parts: [JSON.stringify(body)] })).error;
    expect(await failing(429, { error: { message: 'Slow down' } }, { 'retry-after': '2' })).toMatchObject({ kind: 'busy', message: 'Slow down (429)', retryAfterMs: 2_000 });
    expect(await failing(503, { error: { message: 'Warming up' } })).toMatchObject({ kind: 'busy' });
    expect(await failing(429, { error: { message: 'You exceeded your current quota', code: 'insufficient_quota' } })).toMatchObject({ kind: 'refused' });
    expect(await failing(429, { error: { message: 'Budget has been exceeded: $0 of $5 is left.', code: 'budget_exceeded' } })).toMatchObject({ kind: 'budget', message: 'Budget has been exceeded: $0 of $5 is left.' });
    expect(await failing(404, { error: { message: 'No model m-1' } })).toMatchObject({ kind: 'refused', message: 'No model m-1 (404)' });
    const refused = await failing(401, { error: { message: 'Incorrect API key provided: sk-proj-abcdefghijklmnop' } });
    expect(refused).toMatchObject({ kind: 'refused' });
    expect(refused?.message).not.toContain('abcdefgh');
  });

  it('gives up an answer without end, also one that is a single line', async () => {
    const { error, blocks } = await ask(wire, { parts: ['data: {"a":"', ...Array.from({ length: 40 }, () => 'x'.repeat(1_000_000))], breaks: false });
    expect(error).toMatchObject({ kind: 'refused', message: expect.stringContaining('without end') });
    expect(blocks).toEqual([]);
  });

  it('knows a gateway that cannot be reached', async () => {
    const model = new GatewayModel({ ...route(wire), base_url: 'http://127.0.0.1:9/v1' });
    await expect(model.stream(empty, new AbortController().signal)[Symbol.asyncIterator]().next()).rejects.toMatchObject({ kind: 'unreachable' });
  });

  it('asks as the run, at the upstream\'s own path', async () => {
    await ask(wire, whole(fixture.text));
    expect(upstream.requests[0]).toMatchObject({ path: wire === 'openai-chat' ? '/v1/chat/completions' : '/v1/messages', headers: { authorization: 'Bearer dhr_token-of-the-run' }, body: { model: 'm-1', stream: true } });
  });
});

describe('oddities', () => {
  it('OpenAI format: thinking, with the field it came in', async () => {
    expect(bare((await ask('openai-chat', { parts: [openAi.thinking] })).blocks)).toEqual([{ type: 'reasoning', text: 'Let me see.', opaque: { format: 'openai-chat', field: 'reasoning_content' } }, { type: 'text', text: 'Yes.' }]);
  });

  it('OpenAI format: parallel calls under one index', async () => {
    expect(bare((await ask('openai-chat', { parts: [openAi.sameIndex] })).blocks)).toEqual([call('bash', { command: 'one' }), call('bash', { command: 'two' })]);
  });

  it('Anthropic format: signed and hidden thinking', async () => {
    expect(bare((await ask('anthropic-messages', { parts: [anthropic.thinking] })).blocks)).toEqual([
      { type: 'reasoning', text: 'Let me see.', opaque: { format: 'anthropic-messages', signature: 'c2ln' } },
      { type: 'reasoning', text: '', opaque: { format: 'anthropic-messages', redacted: 'aGlkZGVu' } },
      { type: 'text', text: 'Yes.' },
    ]);
  });

  it('Anthropic format: a call whose input comes at once, without a block end', async () => {
    expect(bare((await ask('anthropic-messages', { parts: [anthropic.wholeInput] })).blocks)).toEqual([call('bash', { command: 'ls' })]);
  });
});

describe('requests', () => {
  const first = newId();
  const second = newId();
  const messages: ModelRequest['messages'] = [
    { role: 'user', text: 'Old' },
    { role: 'assistant', blocks: [{ type: 'reasoning', text: 'then', opaque: { format: 'openai-chat', field: 'reasoning_content' } }, { type: 'text', text: 'Fine.' }] },
    { role: 'user', text: 'Go' },
    {
      role: 'assistant', blocks: [
        { type: 'reasoning', text: 'sig', opaque: { format: 'anthropic-messages', signature: 'c2ln' } }, { type: 'reasoning', text: '', opaque: { format: 'anthropic-messages', redacted: 'aGlk' } },
        { type: 'reasoning', text: 'now', opaque: { format: 'openai-chat', field: 'reasoning_content' } }, { type: 'reasoning', text: 'unsigned' },
        { type: 'text', text: ' ' }, { type: 'tool_call', tool_call_id: first, name: 'bash', arguments: { command: 'ls' } }, { type: 'tool_call', tool_call_id: second, name: 'bash', arguments: {}, invalid_arguments: '{' },
      ],
    },
    { role: 'tool', results: [{ tool_call_id: first, text: 'a.txt', is_error: false }, { tool_call_id: second, text: 'No.', is_error: true }] },
    { role: 'user', text: 'Hurry' },
  ];
  const request: ModelRequest = { system: 'Be good.', messages, tools: [{ name: 'bash', description: 'Runs.', parameters: { type: 'object', properties: {} } }] };

  it('OpenAI format', async () => {
    await ask('openai-chat', { parts: [openAi.text] }, request);
    const ids = [shortCallId(first), shortCallId(second)];
    for (const id of ids) expect(id).toMatch(/^[a-z0-9]{9}$/);
    expect(upstream.requests[0]?.body).toEqual({
      model: 'm-1', stream: true, stream_options: { include_usage: true },
      messages: [
        { role: 'system', content: 'Be good.' }, { role: 'user', content: 'Old' }, { role: 'assistant', content: 'Fine.' }, { role: 'user', content: 'Go' },
        { role: 'assistant', content: ' ', tool_calls: [{ id: ids[0], type: 'function', function: { name: 'bash', arguments: '{"command":"ls"}' } }, { id: ids[1], type: 'function', function: { name: 'bash', arguments: '{}' } }] },
        { role: 'tool', tool_call_id: ids[0], content: 'a.txt' }, { role: 'tool', tool_call_id: ids[1], content: 'Error: No.' }, { role: 'user', content: 'Hurry' },
      ],
      tools: [{ type: 'function', function: { name: 'bash', description: 'Runs.', parameters: { type: 'object', properties: {} } } }],
    });
  });

  it('OpenAI format: thoughts of the turn under way go back', async () => {
    await ask('openai-chat', { parts: [openAi.text] }, { ...request, messages: messages.slice(0, -1) });
    const sent = upstream.requests[0]?.body.messages as Record<string, unknown>[];
    expect(sent.map((message) => message.reasoning_content)).toEqual([undefined, undefined, undefined, undefined, 'now', undefined, undefined]);
  });

  it('Anthropic format', async () => {
    await ask('anthropic-messages', { parts: [anthropic.text] }, request);
    const cached = { cache_control: { type: 'ephemeral' } };
    expect(upstream.requests[0]?.body).toEqual({
      model: 'm-1', stream: true, max_tokens: 16_384, system: [{ type: 'text', text: 'Be good.', ...cached }],
      messages: [
        { role: 'user', content: [{ type: 'text', text: 'Old' }] }, { role: 'assistant', content: [{ type: 'text', text: 'Fine.' }] }, { role: 'user', content: [{ type: 'text', text: 'Go' }] },
        { role: 'assistant', content: [{ type: 'thinking', thinking: 'sig', signature: 'c2ln' }, { type: 'redacted_thinking', data: 'aGlk' }, { type: 'tool_use', id: first, name: 'bash', input: { command: 'ls' } }, { type: 'tool_use', id: second, name: 'bash', input: {} }] },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: first, content: [{ type: 'text', text: 'a.txt' }] }, { type: 'tool_result', tool_use_id: second, content: [{ type: 'text', text: 'No.' }], is_error: true }, { type: 'text', text: 'Hurry', ...cached }] },
      ],
      tools: [{ name: 'bash', description: 'Runs.', input_schema: { type: 'object', properties: {} } }],
    });
  });
});

describe('pictures', () => {
  const [first, second] = [newId(), newId()];
  const picture = (blob: string, media_type: 'image/jpeg' | 'image/png') => ({ blob, media_type, width: 1_280, height: 800 });
  const request: ModelRequest = {
    system: 'Be good.', tools: [],
    messages: [
      { role: 'user', text: 'Look' },
      { role: 'assistant', blocks: [first, second].map((id) => ({ type: 'tool_call' as const, tool_call_id: id, name: 'computer', arguments: { action: 'screenshot' } })) },
      { role: 'tool', results: [{ tool_call_id: first, text: 'The screen.', is_error: false, images: [picture('one', 'image/jpeg')] }, { tool_call_id: second, text: 'Enlarged.', is_error: false, images: [picture('two', 'image/png')] }] },
    ],
    pictures: new Map([['one', 'b25l'], ['two', 'dHdv']]),
  };

  it('OpenAI format: follow the results of their step in one message', async () => {
    await ask('openai-chat', { parts: [openAi.text] }, request);
    const [one, other] = [shortCallId(first), shortCallId(second)];
    expect((upstream.requests[0]?.body.messages as unknown[]).slice(3)).toEqual([
      { role: 'tool', tool_call_id: one, content: 'The screen.' }, { role: 'tool', tool_call_id: other, content: 'Enlarged.' },
      {
        role: 'user', content: [
          { type: 'text', text: `[Picture of the result of call ${one}]` }, { type: 'image_url', image_url: { url: 'data:image/jpeg;base64,b25l' } },
          { type: 'text', text: `[Picture of the result of call ${other}]` }, { type: 'image_url', image_url: { url: 'data:image/png;base64,dHdv' } },
        ],
      },
    ]);
  });

  it('Anthropic format: are part of their result', async () => {
    await ask('anthropic-messages', { parts: [anthropic.text] }, request);
    const image = (media_type: string, data: string) => ({ type: 'image', source: { type: 'base64', media_type, data } });
    expect((upstream.requests[0]?.body.messages as unknown[]).at(-1)).toEqual({
      role: 'user', content: [
        { type: 'tool_result', tool_use_id: first, content: [{ type: 'text', text: 'The screen.' }, image('image/jpeg', 'b25l')] },
        { type: 'tool_result', tool_use_id: second, content: [{ type: 'text', text: 'Enlarged.' }, image('image/png', 'dHdv')], cache_control: { type: 'ephemeral' } },
      ],
    });
  });
});

describe('the route of a run', () => {
  it('is asked for once, and again when it did not work or is old', async () => {
    let asked = 0;
    let time = 0;
    const models = new GatewayModels(async () => { asked += 1; return route('openai-chat'); }, () => time);
    await models.resolve(false);
    await models.resolve(false);
    expect(asked).toBe(1);
    await models.resolve(true);
    time = 60_001;
    await models.resolve(false);
    expect(asked).toBe(3);
  });
});
