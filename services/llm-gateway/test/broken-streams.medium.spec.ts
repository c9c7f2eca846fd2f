// Streams that fail at their beginning or at their end. Real: nats-server, SQLite, HTTP on both sides. Scripted: what the providers write.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { masterKey, prepareGround, runGateway, type GatewayGround, type RunningGateway } from './running-gateway.ts';

let ground: GatewayGround;
let gateway: RunningGateway;
let server: Server;
const folder = mkdtempSync(join(tmpdir(), 'deskhand-streams-'));
const seen: string[] = [];
const key = 'sk-canary-key-of-the-provider';

const data = (event: unknown): string => `data: ${JSON.stringify(event)}\n\n`;
const named = (event: { type: string }): string => `event: ${event.type}\n${data(event)}`;
const words = (text: string, finish: string | null = null): string => data({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta: { role: 'assistant', content: text }, finish_reason: finish }] });
const fine = `${words('fine', 'stop')}${data({ id: 'c', choices: [], usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 } })}data: [DONE]\n\n`;
const begun = named({ type: 'message_start', message: { id: 'm', type: 'message', role: 'assistant', model: 'm', content: [], stop_reason: null, stop_sequence: null, usage: { input_tokens: 1_000, output_tokens: 1 } } } as { type: string })
  + named({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } } as { type: string });
const delta = named({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'word ' } } as { type: string });
const overloaded = named({ type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } } as { type: string });

/** What cannot be told in another format. */
const oddAnswer = JSON.stringify({ choices: 'none', usage: { prompt_tokens: 1_000, completion_tokens: 5_000 } });

/** What each provider writes, piece by piece; a number waits so many milliseconds. */
const scripts: Record<string, (string | number)[]> = {
  fine: [fine],
  odd: [oddAnswer],
  pieces: [],
  'first-fails': [data({ error: { message: 'The server had an error', type: 'server_error' } })],
  'first-fails-in-pieces': ['data: {"err', 20, 'or":{"message":"later","type":"server_error"}}\n', 20, '\n'],
  'head-only': [2_000, fine],
  empty: [],
  'later-fails': [words('begun '), data({ error: { message: 'The server had an error', type: 'server_error' } }), 'data: [DONE]\n\n'],
  'claude-fails': [begun, delta.repeat(200), overloaded],
  'claude-ends': [begun, delta.repeat(200)],
  'claude-overloaded': [overloaded],
  'quotes-key': [words('before '), `data: {"id":"c","choices":[{"index":0,"delta":{"content":"${key.slice(0, 9)}`, 30, `${key.slice(9)}"}}]}\n\n`, fine],
};

/** A long answer of nothing but what was said, in pieces that come between those of others. */
function piecesFor(request: string): (string | number)[] {
  const { messages: [{ content }], stream } = JSON.parse(request) as { messages: [{ content: string }]; stream: boolean };
  const answer = stream ? words(content.repeat(3_000), 'stop') : JSON.stringify({ choices: [{ message: { role: 'assistant', content: content.repeat(3_000) }, finish_reason: 'stop' }], usage: { prompt_tokens: 1, completion_tokens: 1 } });
  return Array.from({ length: 8 }, (_, index) => answer.slice(index * 2_500, index === 7 ? undefined : (index + 1) * 2_500)).flatMap((piece) => [piece, 3]);
}

async function write(response: ServerResponse, pieces: readonly (string | number)[]): Promise<void> {
  response.writeHead(200, { 'content-type': String(pieces[0]).startsWith('{') ? 'application/json' : 'text/event-stream' }).flushHeaders();
  for (const piece of pieces) {
    if (typeof piece === 'number') await sleep(piece);
    else response.write(piece);
  }
  response.end();
}

beforeAll(async () => {
  ground = await prepareGround();
  server = createServer((request, response) => {
    const name = request.url?.split('/')[1] ?? '';
    seen.push(name);
    const received: Buffer[] = [];
    request.on('data', (chunk: Buffer) => received.push(chunk)).on('end', () => void write(response, name === 'pieces' ? piecesFor(Buffer.concat(received).toString()) : (scripts[name] ?? [])));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const entry = (model: string, provider: string, more = ''): string => `  - { model_name: ${model}, litellm_params: { model: ${provider}/m, api_base: "http://${host}/${model}${provider === 'openai' ? '/v1' : ''}", api_key: ${key}${more} } }\n`;
  const file = join(folder, 'config.yaml');
  const broken = ['first-fails', 'first-fails-in-pieces', 'head-only', 'empty', 'claude-overloaded'];
  writeFileSync(file, `model_list:\n${Object.keys(scripts).map((name) => entry(name, name.startsWith('claude') ? 'anthropic' : 'openai', name === 'head-only' ? ', stream_timeout: 0.3' : '')).join('')}${broken.map((name) => `  - { model_name: alone-${name}, litellm_params: { model: ${name.startsWith('claude') ? 'anthropic' : 'openai'}/m, api_base: "http://${host}/${name}${name.startsWith('claude') ? '' : '/v1'}", api_key: ${key}, stream_timeout: 0.3 } }\n`).join('')}router_settings:
  num_retries: 0
  fallbacks: [${broken.map((name) => `{ ${name}: [fine] }`).join(', ')}]
`);
  gateway = await runGateway(ground, { LITELLM_CONFIG: file, ALLOWED_PRIVATE_HOSTS: host, FIRST_BYTE_TIMEOUT_MS: 5_000, IDLE_TIMEOUT_MS: 5_000 });
});

afterAll(async () => {
  await gateway?.close();
  server?.closeAllConnections();
  server?.close();
  await ground?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function ask(model: string, path = '/v1/chat/completions', stream = true) {
  const before = (await gateway.usage()).length;
  seen.length = 0;
  const response = await fetch(gateway.url + path, { method: 'POST', headers: { authorization: `Bearer ${masterKey}` }, body: JSON.stringify({ model, stream, max_tokens: 500, messages: [{ role: 'user', content: 'x'.repeat(400) }] }) });
  const text = await response.text();
  const row = await gateway.rowOf(response.headers);
  return { status: response.status, text, headers: response.headers, row, rows: (await gateway.usage()).length - before };
}

describe('a stream that fails before it says anything (LLM-3)', () => {
  it.each(['first-fails', 'first-fails-in-pieces', 'head-only', 'empty', 'claude-overloaded'])('%s: somebody else answers', async (model) => {
    const { status, text, headers, row, rows } = await ask(model);
    expect([status, headers.get('x-litellm-attempted-fallbacks'), headers.get('x-litellm-model-group'), seen]).toEqual([200, '1', 'fine', [model, 'fine']]);
    expect(text).toContain('"content":"fine"');
    expect(text).not.toContain('error');
    expect([rows, row]).toMatchObject([1, { status: 'completed', uncachedInput: 3, output: 2, estimated: false }]);
  });

  it('is passed on where nobody else is asked, and costs nothing', async () => {
    const failed = await ask('alone-first-fails');
    expect([failed.status, failed.text]).toEqual([200, scripts['first-fails']!.join('')]);
    expect(failed.row).toMatchObject({ status: 'refused', uncachedInput: 0, output: 0 });
    const overloadedOne = await ask('alone-claude-overloaded', '/v1/messages');
    expect([overloadedOne.status, overloadedOne.text]).toEqual([200, overloaded]);
    const silent = await ask('alone-head-only');
    expect([silent.status, silent.row.status]).toEqual([504, 'failed']);
    expect(silent.text).toContain('did not begin to answer');
    expect(await ask('alone-empty')).toMatchObject({ status: 502, row: { status: 'failed', uncachedInput: 0, output: 0 } });
  });
});

describe('a stream that breaks off (LLM-6)', () => {
  it.each(['claude-fails', 'claude-ends'])('%s: what was produced is counted, in either format', async (model) => {
    for (const path of ['/v1/messages', '/v1/chat/completions']) {
      const { row } = await ask(model, path);
      expect(row).toMatchObject({ status: 'cut', estimated: true, uncachedInput: 1_000 });
      expect(row.output).toBeGreaterThan(150);
    }
  });

  it('with a failure in its middle is none that was completed', async () => {
    const { text, row } = await ask('later-fails');
    expect(text).toContain('The server had an error');
    expect(row).toMatchObject({ status: 'cut', estimated: true });
  });
});

it.each([true, false])('answers that come in pieces at the same time do not mix (streams: %s)', async (stream) => {
  const said = Array.from({ length: 12 }, (_, index) => `word${index} `);
  const texts = await Promise.all(said.map(async (content) => {
    const response = await fetch(`${gateway.url}/v1/chat/completions`, { method: 'POST', headers: { authorization: `Bearer ${masterKey}` }, body: JSON.stringify({ model: 'pieces', stream, messages: [{ role: 'user', content }] }) });
    return response.text();
  }));
  for (const [index, content] of said.entries()) expect(texts[index]!.includes(`"content":"${content.repeat(3_000)}"`)).toBe(true);
});

it('what an answer says was used counts, even if the answer cannot be given on (LLM-6)', async () => {
  expect(await ask('odd', '/v1/messages', false)).toMatchObject({ status: 502, row: { status: 'cut', uncachedInput: 1_000, output: 5_000, estimated: false } });
});

it('SECURITY 13: a key that a provider quotes is taken out, also where its stream is cut within it', async () => {
  for (const path of ['/v1/chat/completions', '/v1/messages']) {
    const { text, row } = await ask('quotes-key', path);
    expect(text).toContain('[key]');
    expect(text).not.toContain('provider');
    expect(row).toMatchObject({ status: 'completed', output: 2 });
  }
});
