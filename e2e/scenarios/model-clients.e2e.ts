// Real: the claude, codex, opencode and aider programs, the running product with its model gateway's process. Scripted: the providers behind it, each of another format than its client speaks.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startUpstream, type ScriptedUpstream, type UpstreamScript } from '../../services/llm-gateway/test/upstream.ts';
import { installedClient } from '../model-clients/install.ts';
import { runClient } from '../model-clients/run.ts';
import { startVendor, type ScriptedVendor } from '../model-clients/vendor.ts';
import { startProduct, type RunningProduct } from '../product.ts';

let product: RunningProduct;
let chat: ScriptedUpstream;
let messages: ScriptedUpstream;
let vendor: ScriptedVendor;
let folder: string;
let place: string;
const usage = { uncachedInput: 900, cacheRead: 100, output: 50 };

beforeAll(async () => {
  for (const name of ['claude', 'codex', 'opencode', 'aider'] as const) await installedClient(name);
}, 900_000);

beforeAll(async () => {
  chat = await startUpstream({ format: 'openai-chat', key: 'sk-upstream-key', script: () => ({ text: 'nothing' }) });
  messages = await startUpstream({ format: 'anthropic-messages', key: 'sk-upstream-key', script: () => ({ text: 'nothing' }) });
  vendor = await startVendor({ blocks: [{ type: 'text', text: 'Said by the vendor itself.' }], stop: 'end', usage: { fresh: 70, read: 20, written: 10, output: 30, reasoning: 0 } });
  folder = mkdtempSync(join(tmpdir(), 'deskhand-clients-'));
  const file = join(folder, 'config.yaml');
  writeFileSync(file, `model_list:
  - model_name: chat-model
    litellm_params: {model: openai/gpt-test, api_base: "${chat.url}/v1", api_key: os.environ/UPSTREAM_KEY}
  - model_name: messages-model
    litellm_params: {model: anthropic/claude-test, api_base: "${messages.url}", api_key: os.environ/UPSTREAM_KEY}
  # A name that Codex takes for one of OpenAI's, so that it offers its free-form tool for patches.
  - model_name: gpt-5.5
    litellm_params: {model: anthropic/claude-test, api_base: "${messages.url}", api_key: os.environ/UPSTREAM_KEY}
litellm_settings:
  cache: true
  cache_params: { type: redis, mode: default_off }
general_settings:
  pass_through_endpoints:
    - { path: /claude, target: "${vendor.url}", forward_headers: true }
    - { path: /codex, target: "${vendor.url}/backend-api/codex", forward_headers: true }
    # As LiteLLM's users write it; followed on loopback addresses.
    - { path: /codex-open, target: "${vendor.url}/backend-api/codex", forward_headers: true, auth: false, include_subpath: true }
`);
  product = await startProduct({ variables: { LITELLM_CONFIG: file, UPSTREAM_KEY: 'sk-upstream-key', DESKHAND_ALLOWED_PRIVATE_HOSTS: `${chat.host},${messages.host},${vendor.host}` } });
}, 120_000);

afterAll(async () => {
  await product?.stop();
  await Promise.all([chat?.close(), messages?.close(), vendor?.close()]);
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}, 60_000);

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'deskhand-client-'));
  for (const folder of ['work', 'home']) mkdirSync(join(place, folder));
  writeFileSync(join(place, 'work', 'notes.txt'), 'The colour is red.\nThe secret is 4711.\n');
});
afterEach(() => rmSync(place, { recursive: true, force: true, maxRetries: 3 }));

const work = (): string => join(place, 'work');
const file = (name: string): string => readFileSync(join(work(), name), 'utf8');
const prompt = 'Read notes.txt, change the colour to blue, then run a command that writes the number of lines to count.txt.';

type Calls = readonly { name: string; arguments: Record<string, unknown> }[];

/** A model that goes on by how many results it has seen. Calls without tools are side errands, a title for example. */
function taskModel(steps: readonly Calls[]): UpstreamScript {
  return ({ tools, entries }) => {
    if (tools.size === 0) return { text: 'A title', usage };
    const results = entries.flatMap((entry) => (entry.kind === 'result' ? [entry.text] : []));
    let given = 0;
    const step = steps.findIndex((calls) => (given += calls.length) > results.length);
    if (step !== -1) return { reasoning: 'One thing after the other.', text: `Step ${step + 1}.`, toolCalls: steps[step]!, usage };
    return { text: `All done: I read ${results[0]?.includes('4711') ? '4711' : 'nothing'}.`, usage };
  };
}

describe('a coding agent that is not changed, in front of a provider of another format', () => {
  it('LLM-1: claude, in front of chat completions', async () => {
    const notes = join(work(), 'notes.txt');
    chat.use(taskModel([
      [{ name: 'Read', arguments: { file_path: notes } }], [{ name: 'Edit', arguments: { file_path: notes, old_string: 'red', new_string: 'blue' } }],
      [{ name: 'Bash', arguments: { command: 'wc -l < notes.txt > count.txt', description: 'Count lines' } }, { name: 'Bash', arguments: { command: 'echo both >> both.txt', description: 'Second call of the same answer' } }],
    ]));
    const { code, stdout, stderr } = await runClient(await installedClient('claude'), ['-p', prompt, '--output-format', 'stream-json', '--verbose', '--include-partial-messages', '--dangerously-skip-permissions'], {
      folder: work(), home: join(place, 'home'),
      variables: {
        ANTHROPIC_BASE_URL: product.llmUrl, ANTHROPIC_AUTH_TOKEN: product.llmKey, ANTHROPIC_MODEL: 'chat-model', ANTHROPIC_DEFAULT_HAIKU_MODEL: 'chat-model', IS_SANDBOX: '1',
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1', DISABLE_AUTOUPDATER: '1', DISABLE_TELEMETRY: '1', DISABLE_ERROR_REPORTING: '1', CLAUDE_CODE_MAX_RETRIES: '1',
      },
    });
    const lines = stdout.trim().split('\n').map((line) => JSON.parse(line) as Record<string, any>);
    const result = lines.at(-1);
    expect(result, stderr).toMatchObject({ type: 'result', subtype: 'success', is_error: false, result: 'All done: I read 4711.' });
    expect(code).toBe(0);
    expect(file('notes.txt')).toBe('The colour is blue.\nThe secret is 4711.\n');
    expect(file('count.txt').trim()).toBe('2');
    expect(file('both.txt')).toBe('both\n');
    // One request a step: a stream that a client does not understand would be asked for a second time.
    expect(chat.requests.filter((request) => request.tools.size > 0).length).toBe(4);
    expect(result?.usage).toMatchObject({ cache_read_input_tokens: 400, output_tokens: 200 });
  }, 200_000);

  it('LLM-1: codex, in front of messages', async () => {
    messages.use(taskModel([
      [{ name: 'exec_command', arguments: { cmd: 'cat notes.txt' } }], [{ name: 'apply_patch', arguments: { input: '*** Begin Patch\n*** Update File: notes.txt\n@@\n-The colour is red.\n+The colour is blue.\n*** End Patch\n' } }],
      [{ name: 'exec_command', arguments: { cmd: 'wc -l < notes.txt > count.txt' } }],
    ]));
    const provider = `model_providers.gw={name="gw",base_url="${product.llmUrl}/v1",env_key="GW_KEY",wire_api="responses",request_max_retries=0,stream_max_retries=0}`;
    const { code, stdout, stderr } = await runClient(await installedClient('codex'), [
      'exec', '--json', '--ephemeral', '--skip-git-repo-check', '-s', 'danger-full-access', '--disable', 'plugins', '--disable', 'apps', '-c', 'model=gpt-5.5', '-c', 'model_provider=gw', '-c', provider,
      '-c', 'analytics.enabled=false', '-c', 'check_for_update_on_startup=false', '-c', 'web_search="disabled"', prompt,
    ], { folder: work(), home: join(place, 'home'), variables: { GW_KEY: product.llmKey } });
    const lines = stdout.trim().split('\n').map((line) => JSON.parse(line) as Record<string, any>);
    expect(lines.at(-1), stdout + stderr).toMatchObject({ type: 'turn.completed', usage: { cached_input_tokens: 400, output_tokens: 200 } });
    expect(lines.filter((line) => line.type === 'item.completed').map((line) => line.item as Record<string, unknown>).findLast((item) => item.type === 'agent_message')).toMatchObject({ text: 'All done: I read 4711.' });
    expect(code).toBe(0);
    expect(file('notes.txt')).toBe('The colour is blue.\nThe secret is 4711.\n');
    expect(file('count.txt').trim()).toBe('2');
    expect(messages.requests.length).toBe(4);
  }, 200_000);

  it('LLM-1: opencode, in front of messages', async () => {
    const notes = join(work(), 'notes.txt');
    messages.requests.length = 0;
    messages.use(taskModel([
      [{ name: 'read', arguments: { filePath: notes } }], [{ name: 'edit', arguments: { filePath: notes, oldString: 'red', newString: 'blue' } }],
      [{ name: 'bash', arguments: { command: 'wc -l < notes.txt > count.txt', description: 'Count lines' } }],
    ]));
    const models = { 'messages-model': {} };
    writeFileSync(join(work(), 'opencode.json'), JSON.stringify({
      autoupdate: false, share: 'disabled', model: 'gw/messages-model', small_model: 'gw/messages-model', permission: { edit: 'allow', bash: 'allow', webfetch: 'deny' },
      provider: { gw: { npm: '@ai-sdk/openai-compatible', options: { baseURL: `${product.llmUrl}/v1`, apiKey: '{env:GW_KEY}' }, models } },
    }));
    const { code, stdout, stderr } = await runClient(await installedClient('opencode'), ['run', '--format', 'json', prompt], {
      folder: work(), home: join(place, 'home'), variables: { GW_KEY: product.llmKey, OPENCODE_DISABLE_MODELS_FETCH: '1', OPENCODE_DISABLE_AUTOUPDATE: '1', OPENCODE_DISABLE_LSP_DOWNLOAD: '1' },
    });
    expect(code, stdout + stderr).toBe(0);
    expect(stdout).toContain('All done: I read 4711.');
    expect(file('notes.txt')).toBe('The colour is blue.\nThe secret is 4711.\n');
    expect(file('count.txt').trim()).toBe('2');
    expect(messages.requests.filter((request) => request.tools.size > 0).length).toBe(4);
  }, 200_000);

  it('LLM-1: aider, in front of messages', async () => {
    messages.requests.length = 0;
    messages.use(({ userText }) => ({ text: userText.includes('commit message') ? 'fix: colour' : 'Here it is.\n\nnotes.txt\n```\n<<<<<<< SEARCH\nThe colour is red.\n=======\nThe colour is blue.\n>>>>>>> REPLACE\n```\n', usage }));
    execFileSync('git', ['init', '-q'], { cwd: work() });
    const { code, stdout, stderr } = await runClient(await installedClient('aider'), [
      '--model', 'openai/messages-model', '--edit-format', 'diff', '--message', prompt, '--yes-always', '--no-check-update', '--analytics-disable', '--no-show-model-warnings', '--no-detect-urls', '--no-suggest-shell-commands', '--no-auto-commits', '--no-pretty',
      '--auto-test', '--test-cmd', 'wc -l < notes.txt > count.txt', 'notes.txt',
    ], { folder: work(), home: join(place, 'home'), variables: { OPENAI_API_BASE: `${product.llmUrl}/v1`, OPENAI_API_KEY: product.llmKey } });
    expect(code, stdout + stderr).toBe(0);
    expect(file('notes.txt'), stdout + stderr).toBe('The colour is blue.\nThe secret is 4711.\n');
    expect(file('count.txt').trim()).toBe('2');
    // Aider puts the file into its question: it was read.
    expect(messages.requests.some((request) => request.raw.includes('4711'))).toBe(true);
  }, 200_000);
});

it('LLM-4: an answer that is asked for again comes from the cache of the instances, for nothing', async () => {
  chat.requests.length = 0;
  chat.use(() => ({ text: 'said once', usage }));
  const ask = async () => {
    const response = await fetch(`${product.llmUrl}/v1/chat/completions`, { method: 'POST', headers: { authorization: `Bearer ${product.llmKey}` }, body: JSON.stringify({ model: 'chat-model', stream: true, messages: [{ role: 'user', content: 'again' }], cache: { 'use-cache': true } }) });
    return { again: response.headers.has('age'), text: await response.text() };
  };
  const first = await ask();
  expect(first.again).toBe(false);
  await expect.poll(ask).toEqual({ again: true, text: first.text });
  // A first answer may still be on its way into the cache when it is asked for.
  expect(chat.requests.length).toBeLessThanOrEqual(2);
});

describe('a coding agent with a login of its own (LLM-7)', () => {
  beforeEach(() => { vendor.requests.length = 0; });

  it('claude speaks through /claude, and the vendor sees its login and no key of ours', async () => {
    const { code, stdout, stderr } = await runClient(await installedClient('claude'), ['-p', 'Say hello', '--output-format', 'json', '--dangerously-skip-permissions'], {
      folder: work(), home: join(place, 'home'),
      variables: {
        ANTHROPIC_BASE_URL: `${product.llmUrl}/claude`, CLAUDE_CODE_OAUTH_TOKEN: 'sk-ant-oat01-a-login-of-tests', ANTHROPIC_CUSTOM_HEADERS: `x-litellm-api-key: Bearer ${product.llmKey}`, IS_SANDBOX: '1',
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1', DISABLE_AUTOUPDATER: '1', DISABLE_TELEMETRY: '1', DISABLE_ERROR_REPORTING: '1', CLAUDE_CODE_MAX_RETRIES: '1',
      },
    });
    expect(JSON.parse(stdout), stderr).toMatchObject({ is_error: false, result: 'Said by the vendor itself.' });
    expect(code).toBe(0);
    expect(vendor.requests).toHaveLength(1);
    expect(vendor.requests[0]).toMatchObject({ path: '/v1/messages?beta=true', headers: { authorization: 'Bearer sk-ant-oat01-a-login-of-tests', 'anthropic-beta': expect.stringContaining('oauth-2025-04-20') as string } });
    expect(JSON.stringify(vendor.requests)).not.toContain(product.llmKey);
    expect(product.output()).not.toContain('sk-ant-oat01-a-login-of-tests');
  }, 200_000);

  const part = (fields: object): string => Buffer.from(JSON.stringify(fields)).toString('base64url');
  const login = `${part({ alg: 'none' })}.${part({ email: 'ada@example.org', exp: Math.floor(Date.now() / 1_000) + 864_000, 'https://api.openai.com/auth': { chatgpt_plan_type: 'pro', chatgpt_user_id: 'u', chatgpt_account_id: 'acc' } })}.c2ln`;
  const codex = async (...settings: string[]) => {
    mkdirSync(join(place, 'home', '.codex'));
    writeFileSync(join(place, 'home', '.codex', 'auth.json'), JSON.stringify({ OPENAI_API_KEY: null, tokens: { id_token: login, access_token: login, refresh_token: 'r', account_id: 'acc' }, last_refresh: new Date().toISOString() }));
    const quiet = ['-c', `chatgpt_base_url="${vendor.url}/other"`, '-c', 'analytics.enabled=false', '-c', 'check_for_update_on_startup=false', '-c', 'web_search="disabled"', '--disable', 'plugins', '--disable', 'apps'];
    const ended = await runClient(await installedClient('codex'), ['exec', '--json', '--ephemeral', '--skip-git-repo-check', '-s', 'danger-full-access', '-c', 'model=gpt-5.5', ...settings, ...quiet, 'Say hello'], { folder: work(), home: join(place, 'home'), variables: { DESKHAND_KEY: product.llmKey } });
    const lines = ended.stdout.trim().split('\n').map((line) => JSON.parse(line) as Record<string, any>);
    expect(lines.at(-1), ended.stdout + ended.stderr).toMatchObject({ type: 'turn.completed', usage: { input_tokens: 100, cached_input_tokens: 20, output_tokens: 30 } });
    expect(lines.find((line) => line.item?.type === 'agent_message')).toMatchObject({ item: { text: 'Said by the vendor itself.' } });
    expect(JSON.stringify(vendor.requests)).not.toContain(product.llmKey);
    expect(product.output()).not.toContain(login);
    const asked = vendor.requests.filter(({ path }) => path === '/backend-api/codex/responses');
    expect(asked).toHaveLength(1);
    expect(asked[0]).toMatchObject({ method: 'POST', headers: { authorization: `Bearer ${login}`, 'chatgpt-account-id': 'acc' }, body: { model: 'gpt-5.5', stream: true } });
    return asked[0]!;
  };

  it('codex speaks through /codex with the settings that its page has', async () => {
    await codex('-c', 'model_provider=deskhand', '-c', `model_providers.deskhand={name="Deskhand",base_url="${product.llmUrl}/codex",wire_api="responses",requires_openai_auth=true,env_http_headers={"x-litellm-api-key"="DESKHAND_KEY"}}`);
  }, 200_000);

  it('codex\' own provider asks for a WebSocket, hears 426 and goes on at once with a compressed body, which arrives as it is', async () => {
    const { headers, bytes } = await codex('-c', `openai_base_url="${product.llmUrl}/codex-open"`);
    expect(headers['content-encoding']).toBe('zstd');
    expect(bytes.subarray(0, 4).toString('hex')).toBe('28b52ffd');
    expect(vendor.requests.some((request) => request.headers.upgrade !== undefined)).toBe(false);
  }, 200_000);
});
