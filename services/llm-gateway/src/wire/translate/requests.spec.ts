import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ConversationFormat, CalledFormat } from '../formats.ts';
import { translationBetween } from '../translation.ts';
import { WireError } from '../wire-format.ts';
import { clientSides } from './formats.ts';
import type { Message, Part } from './model-request.ts';

type Fields = Record<string, any>;
const clients: ConversationFormat[] = ['openai-chat', 'anthropic-messages', 'openai-responses'];
const upstreams: CalledFormat[] = ['openai-chat', 'anthropic-messages', 'openai-responses', 'bedrock-converse'];

const word = fc.stringMatching(/^[a-zäöü 🐧]{1,12}$/u).filter((text) => text.trim() === text);
const picture = fc.constantFrom('AAAA', 'QUJD').map((data) => ({ type: 'image', source: { type: 'base64', media_type: 'image/png', data } }));
const result = fc.record({ text: word, picture: fc.option(picture, { nil: null }) });
/** A conversation as Anthropic's clients send it: user and assistant by turns, every call answered. */
const conversations = fc.array(
  fc.record({ said: word, answer: word, thought: fc.option(word, { nil: null }), calls: fc.array(fc.tuple(fc.dictionary(word, fc.oneof(fc.integer(), word), { maxKeys: 3 }), result), { maxLength: 3 }) }), { minLength: 1, maxLength: 4 },
).map((turns) => turns.flatMap(({ said, answer, thought, calls }, turn): Fields[] => [
  { role: 'user', content: [{ type: 'text', text: said }] },
  { role: 'assistant', content: [...(thought === null ? [] : [{ type: 'thinking', thinking: thought, signature: `sig${turn}` }]), { type: 'text', text: answer }, ...calls.map(([input], index) => ({ type: 'tool_use', id: `call_${turn}_${index}`, name: `tool${index}`, input }))] },
  ...(calls.length === 0 ? [] : [{ role: 'user', content: calls.map(([, { text, picture: shown }], index) => ({ type: 'tool_result', tool_use_id: `call_${turn}_${index}`, content: [{ type: 'text', text }, ...(shown === null ? [] : [shown])] })) }, { role: 'assistant', content: [{ type: 'text', text: 'done' }] }]),
]));

/** What a conversation means: words, calls and results in their order, pictures wherever they are. */
function meaning(messages: readonly Message[]): unknown {
  const flat: unknown[] = [];
  const pictures: unknown[] = [];
  const walk = (role: string, part: Part): void => {
    if (part.type === 'text') { if (!part.text.startsWith('[Picture of the result')) flat.push([role, part.text]); }
    else if (part.type === 'image') pictures.push(part.source);
    else if (part.type === 'tool-call') flat.push([role, part.id, part.name, JSON.parse(part.input)]);
    else if (part.type === 'tool-result') {
      flat.push([role, part.id]);
      for (const inner of part.parts) walk('result', inner);
    }
  };
  for (const { role, parts } of messages) for (const part of parts) walk(role, part);
  return { flat, pictures };
}

describe('a conversation there and back', () => {
  it.each(['openai-chat', 'openai-responses'] as const)('through %s means the same', (middle) => {
    fc.assert(
      fc.property(conversations, (messages) => {
        const anthropic = { model: 'm', max_tokens: 9, messages };
        const there = translationBetween('anthropic-messages', middle)!.request(anthropic).body;
        const back = translationBetween(middle as ConversationFormat, 'anthropic-messages')!.request(there).body;
        expect(meaning(clientSides['anthropic-messages'].read(back as Fields).messages)).toEqual(meaning(clientSides['anthropic-messages'].read(anthropic).messages));
      }),
      { numRuns: 300 },
    );
  });

  it.each(clients)('from a client of %s, every call has its result right after it, wherever it goes', (client) => {
    fc.assert(
      fc.property(conversations, fc.constantFrom(...upstreams), (messages, upstream) => {
        if (client === upstream) return;
        const asked = client === 'anthropic-messages' ? { model: 'm', max_tokens: 9, messages } : translationBetween('anthropic-messages', client)!.request({ model: 'm', max_tokens: 9, messages }).body;
        const { body } = translationBetween(client, upstream)!.request(asked);
        expect(unanswered(upstream, body)).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });
});

/** Ids of calls whose results do not follow at once. */
function unanswered(upstream: CalledFormat, body: Fields): string[] {
  const steps: { calls: string[]; results: string[] }[] = (body.messages ?? body.input ?? []).map((entry: Fields) => {
    const blocks: Fields[] = Array.isArray(entry.content) ? entry.content : [];
    return {
      calls: [...(entry.tool_calls ?? []).map((call: Fields) => call.id), ...(entry.type === 'function_call' ? [entry.call_id] : []), ...blocks.flatMap((block) => (block.type === 'tool_use' ? [block.id] : block.toolUse ? [block.toolUse.toolUseId] : []))] as string[],
      results: [...(entry.role === 'tool' ? [entry.tool_call_id] : []), ...(entry.type === 'function_call_output' ? [entry.call_id] : []), ...blocks.flatMap((block) => (block.type === 'tool_result' ? [block.tool_use_id] : block.toolResult ? [block.toolResult.toolUseId] : []))] as string[],
    };
  });
  let owed: string[] = [];
  const late: string[] = [];
  for (const { calls, results } of steps) {
    owed = owed.filter((id) => !results.includes(id));
    // Blocks of one message are answered by the next one; items of responses and messages of chat one by one.
    if (results.length === 0 && calls.length === 0) late.push(...owed);
    if (upstream !== 'openai-responses' && calls.length > 0) late.push(...owed);
    owed.push(...calls);
  }
  return [...late, ...owed];
}

/** A request with everything in it, as a client of messages sends it. */
const rich: Fields = {
  model: 'm', max_tokens: 50, stream: true, temperature: 0.5, top_p: 0.9, top_k: 4, stop_sequences: ['END'], metadata: { user_id: 'u' }, thinking: { type: 'adaptive', display: 'summarized' },
  output_config: { effort: 'high', format: { type: 'json_schema', schema: { type: 'object', properties: { a: { type: 'string' } }, required: ['a'], additionalProperties: false } } },
  system: [{ type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } }], tools: [{ name: 'read', description: 'd', input_schema: { type: 'object', properties: { p: { type: 'string' } } }, strict: true }, { name: 'later', input_schema: {}, defer_loading: true }],
  tool_choice: { type: 'auto', disable_parallel_tool_use: true },
  messages: [
    { role: 'user', content: [{ type: 'text', text: 'hi' }, { type: 'image', source: { type: 'url', url: 'https://x/y.png' } }, { type: 'document', title: 'a.pdf', source: { type: 'base64', media_type: 'application/pdf', data: 'QUJD' } }] }, { role: 'system', content: 'Now.' },
    { role: 'assistant', content: [{ type: 'thinking', thinking: 't', signature: 's' }, { type: 'redacted_thinking', data: 'd' }, { type: 'text', text: 'x' }, { type: 'tool_use', id: 'c1', name: 'read', input: { p: 1 } }] },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'c1', is_error: true, content: [{ type: 'text', text: 'r' }, { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } }, { type: 'tool_reference', tool_name: 'later' }] }] },
  ],
};

/** The same with whatever stands at one place replaced by something else. */
function spoiled(value: unknown, place: number, by: unknown): { value: unknown; left: number } {
  if (place === 0) return { value: by, left: -1 };
  let left = place - 1;
  if (typeof value !== 'object' || value === null) return { value, left };
  const copy: Fields = Array.isArray(value) ? [...(value as unknown[])] : { ...value };
  for (const [name, inner] of Object.entries(copy)) {
    const next = spoiled(inner, left, by);
    copy[name] = next.value;
    left = next.left;
    if (left < 0) break;
  }
  return { value: copy, left };
}

describe('a request that is good but for one place', () => {
  it.each(clients)('from a client of %s is translated everywhere or refused with words', (client) => {
    const good = client === 'anthropic-messages' ? rich : { ...translationBetween('anthropic-messages', client, { efforts: ['high'] })!.request(rich).body };
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 140 }), fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constantFrom<unknown>({ toString: 1, valueOf: 1 }, { length: 3 }, [[]], 'constructor', '__proto__', -1, 1e308)), fc.constantFrom(...upstreams), (place, by, upstream) => {
        const body = spoiled(good, place, by).value as Fields;
        if (client === upstream) return;
        try {
          JSON.stringify(translationBetween(client, upstream, { efforts: ['high'], thinking: place % 2 === 0 ? 'budget' : 'adaptive' })!.request(body).body);
        } catch (error) {
          if (!(error instanceof WireError)) throw error;
        }
      }),
      { numRuns: 3_400 },
    );
  }, 60_000);
});

describe('whatever a client sends', () => {
  const json = fc.jsonValue({ maxDepth: 4 });
  const fields = ['messages', 'input', 'tools', 'tool_choice', 'system', 'content', 'role', 'type', 'text', 'thinking', 'source', 'stream', 'reasoning', 'response_format', 'output_config', 'tool_calls', 'function', 'image_url', 'max_tokens', 'stop', 'metadata', 'cache_control', 'custom', 'name', 'arguments', 'id', 'data'];
  const kinds = ['text', 'image', 'tool_use', 'tool_result', 'thinking', 'redacted_thinking', 'document', 'function', 'custom', 'namespace', 'input_text', 'input_image', 'function_call', 'function_call_output', 'message', 'reasoning', 'user', 'assistant', 'system', 'tool', 'any', 'auto', 'json_schema', 'adaptive', 'enabled', 'base64', 'url', 'image_url', 'file'];
  const shaped: fc.Arbitrary<unknown> = fc.letrec<{ node: unknown }>((tie) => ({
    node: fc.oneof({ depthSize: 'small', withCrossShrink: true }, fc.constantFrom(...kinds), json, fc.array(tie('node'), { maxLength: 3 }), fc.dictionary(fc.constantFrom(...fields), tie('node'), { maxKeys: 5 })),
  })).node;
  const bodies = fc.dictionary(fc.constantFrom(...fields), shaped, { maxKeys: 8 });

  it.each(clients.flatMap((client) => upstreams.filter((upstream) => upstream !== client).map((upstream) => [client, upstream] as const)))('for %s is translated to %s or refused with words', (client, upstream) => {
    fc.assert(
      fc.property(bodies, (body) => {
        try {
          JSON.stringify(translationBetween(client, upstream)!.request({ model: 'm', ...body }).body);
        } catch (error) {
          if (!(error instanceof WireError)) throw error;
        }
      }),
      { numRuns: 1_200 },
    );
  }, 60_000);

  it.each(clients.flatMap((client) => upstreams.filter((upstream) => upstream !== client).map((upstream) => [client, upstream] as const)))('and whatever an upstream answers, for %s from %s: an answer, an error, never a crash', (client, upstream) => {
    const call = translationBetween(client, upstream)!.request({ model: 'm', messages: [], input: [], max_tokens: 1, stream: true });
    const types = ['message_start', 'content_block_start', 'content_block_delta', 'content_block_stop', 'message_delta', 'message_stop', 'error', 'response.created', 'response.output_item.added', 'response.output_item.done', 'response.output_text.delta', 'response.function_call_arguments.delta', 'response.completed', 'response.failed', 'messageStart', 'contentBlockDelta', 'messageStop', 'metadata'];
    const names = ['type', 'index', 'delta', 'content_block', 'message', 'usage', 'choices', 'item', 'output_index', 'response', 'error', 'finish_reason', 'tool_calls', 'content', 'id', 'name', 'arguments', 'function', 'text', 'output', 'input', 'contentBlockIndex'];
    const events = fc.array(fc.oneof(fc.string(), fc.record({ type: fc.constantFrom(...types), index: fc.nat(3), output_index: fc.nat(3), delta: shaped, item: shaped, response: shaped, content_block: shaped, message: shaped }).map((event) => JSON.stringify(event)), fc.dictionary(fc.constantFrom(...names), shaped).map((event) => JSON.stringify(event))), { maxLength: 8 });
    fc.assert(
      fc.property(events, fc.array(fc.nat(30), { maxLength: 20 }), shaped, (list, cuts, answer) => {
        const stream = call.stream();
        const bytes = Buffer.from(list.map((data) => `data: ${data}\n\n`).join(''));
        let at = 0;
        for (const cut of cuts) {
          stream.push(bytes.subarray(at, at + cut));
          at += cut;
        }
        stream.push(bytes.subarray(at));
        stream.end();
        try {
          call.answer(answer);
        } catch (error) {
          if (!(error instanceof WireError)) throw error;
        }
      }),
      { numRuns: 1_200 },
    );
  }, 60_000);
});

describe('what not every Claude takes (LLM-1)', () => {
  const ask = (body: Fields, schemas: boolean): Fields => translationBetween('openai-chat', 'anthropic-messages', { schemas })!.request({ model: 'm', messages: [{ role: 'user', content: 'hi' }], ...body }).body;

  it('a schema is asked for in words, and no tool is strict', () => {
    const schema = { type: 'object', properties: {}, additionalProperties: false };
    const body = { response_format: { type: 'json_schema', json_schema: { name: 'n', schema, strict: true } }, tools: [{ type: 'function', function: { name: 'f', parameters: schema, strict: true } }] };
    expect(ask(body, true)).toMatchObject({ output_config: { format: { schema } }, tools: [{ strict: true }] });
    const older = ask(body, false);
    expect(older).not.toHaveProperty('output_config');
    expect(older.tools[0]).not.toHaveProperty('strict');
    expect(older.system).toEqual([{ type: 'text', text: expect.stringContaining(JSON.stringify(schema)) as string }]);
  });

  it('a document of plain text is text, and a picture is called by its own name', () => {
    const { messages } = ask({ messages: [{ role: 'user', content: [{ type: 'file', file: { file_data: `data:text/plain;base64,${Buffer.from('wörds').toString('base64')}` } }, { type: 'image_url', image_url: { url: 'data:image/jpg;base64,AAAA' } }] }] }, true);
    expect(messages[0].content).toMatchObject([{ type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'wörds' } }, { type: 'image', source: { type: 'base64', media_type: 'image/jpeg', data: 'AAAA' } }]);
  });
});

describe('a conversation with calls, and no tools on offer (LLM-1)', () => {
  const messages = [
    { role: 'user', content: 'hi' }, { role: 'assistant', content: null, tool_calls: [{ id: 'a', type: 'function', function: { name: 'read', arguments: '{}' } }, { id: 'b', type: 'function', function: { name: 'read', arguments: '{}' } }] },
    { role: 'tool', tool_call_id: 'a', content: 'x' }, { role: 'tool', tool_call_id: 'b', content: 'y' }, { role: 'user', content: 'Sum it up.' },
  ];
  const ask = (upstream: CalledFormat, more: Fields = {}): Fields => translationBetween('openai-chat', upstream)!.request({ model: 'm', messages, ...more }).body;

  it('has its tools defined where that is demanded, not to be called', () => {
    expect(ask('anthropic-messages')).toMatchObject({ tools: [{ name: 'read', input_schema: { type: 'object' } }], tool_choice: { type: 'none' } });
    expect(ask('bedrock-converse').toolConfig).toEqual({ tools: [{ toolSpec: { name: 'read', description: 'Not available any more.', inputSchema: { json: { type: 'object', properties: {} } } } }] });
    for (const upstream of ['anthropic-messages', 'bedrock-converse'] as const) expect(Object.keys(ask(upstream, { messages: messages.slice(0, 1) })).filter((name) => name.startsWith('tool'))).toEqual([]);
    expect(ask('openai-responses')).not.toHaveProperty('tools');
  });
});
