// Real: the claude, codex, opencode and aider programs, the model gateway with nats-server and SQLite, HTTP. Scripted: the providers behind it, each of another format than its client speaks.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { prepareGround, runGateway, type GatewayGround, type RunningGateway } from '../../services/llm-gateway/test/running-gateway.ts';
import { startUpstream, type ScriptedUpstream, type UpstreamScript } from '../../services/llm-gateway/test/upstream.ts';
import { installedClient } from '../model-clients/install.ts';
import { runClient } from '../model-clients/run.ts';

let ground: GatewayGround;
let gateway: RunningGateway;
let chat: ScriptedUpstream;
let messages: ScriptedUpstream;
let place: string;
const user = 'coder';
const patcher = 'patcher';
const usage = { uncachedInput: 900, cacheRead: 100, output: 50 };

beforeAll(async () => {
  for (const name of ['claude', 'codex', 'opencode', 'aider'] as const) await installedClient(name);
}, 900_000);

beforeAll(async () => {
  ground = await prepareGround();
  chat = await startUpstream({ format: 'openai-chat', script: () => ({ text: 'nothing' }) });
  messages = await startUpstream({ format: 'anthropic-messages', script: () => ({ text: 'nothing' }) });
  gateway = await runGateway(ground, { ALLOWED_PRIVATE_HOSTS: `${chat.host},${messages.host}`, MAXIMUM_BODY_BYTES: 8 * 1024 * 1024 });
  await gateway.addProvider(user, 'openai', { key: 'sk-upstream-key', endpoint: chat.url, model: 'gpt-test' });
  await gateway.addProvider(user, 'anthropic', { key: 'sk-upstream-key', endpoint: messages.url, model: 'claude-test' });
  // A name that Codex takes for one of OpenAI's, so that it offers its free-form tool for patches.
  await gateway.addProvider(patcher, 'anthropic', { key: 'sk-upstream-key', endpoint: messages.url, model: 'gpt-5.5' });
}, 60_000);

afterAll(async () => {
  await gateway?.close();
  await Promise.all([chat?.close(), messages?.close()]);
  await ground?.close();
});

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'deskhand-client-'));
  for (const folder of ['work', 'home']) mkdirSync(join(place, folder));
  writeFileSync(join(place, 'work', 'notes.txt'), 'The colour is red.\nThe secret is 4711.\n');
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

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
    const route = await gateway.resolve(user, 'openai/gpt-test');
    const { code, stdout, stderr } = await runClient(await installedClient('claude'), ['-p', prompt, '--output-format', 'stream-json', '--verbose', '--include-partial-messages', '--dangerously-skip-permissions'], {
      folder: work(), home: join(place, 'home'),
      variables: {
        ANTHROPIC_BASE_URL: route.base_url, ANTHROPIC_AUTH_TOKEN: route.token, ANTHROPIC_MODEL: route.model, ANTHROPIC_DEFAULT_HAIKU_MODEL: route.model, IS_SANDBOX: '1',
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
    const route = await gateway.resolve(patcher, 'anthropic/gpt-5.5');
    const provider = `model_providers.gw={name="gw",base_url="${route.base_url}/v1",env_key="GW_KEY",wire_api="responses",request_max_retries=0,stream_max_retries=0}`;
    const { code, stdout, stderr } = await runClient(await installedClient('codex'), [
      'exec', '--json', '--ephemeral', '--skip-git-repo-check', '-s', 'danger-full-access', '--disable', 'plugins', '--disable', 'apps', '-c', `model=${route.model}`, '-c', 'model_provider=gw', '-c', provider,
      '-c', 'analytics.enabled=false', '-c', 'check_for_update_on_startup=false', '-c', 'web_search="disabled"', prompt,
    ], { folder: work(), home: join(place, 'home'), variables: { GW_KEY: route.token } });
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
    const route = await gateway.resolve(user, 'anthropic/claude-test');
    const models = { [route.model]: {} };
    writeFileSync(join(work(), 'opencode.json'), JSON.stringify({
      autoupdate: false, share: 'disabled', model: `gw/${route.model}`, small_model: `gw/${route.model}`, permission: { edit: 'allow', bash: 'allow', webfetch: 'deny' },
      provider: { gw: { npm: '@ai-sdk/openai-compatible', options: { baseURL: `${route.base_url}/v1`, apiKey: '{env:GW_KEY}' }, models } },
    }));
    const { code, stdout, stderr } = await runClient(await installedClient('opencode'), ['run', '--format', 'json', prompt], {
      folder: work(), home: join(place, 'home'), variables: { GW_KEY: route.token, OPENCODE_DISABLE_MODELS_FETCH: '1', OPENCODE_DISABLE_AUTOUPDATE: '1', OPENCODE_DISABLE_LSP_DOWNLOAD: '1' },
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
    const route = await gateway.resolve(user, 'anthropic/claude-test');
    const { code, stdout, stderr } = await runClient(await installedClient('aider'), [
      '--model', `openai/${route.model}`, '--edit-format', 'diff', '--message', prompt, '--yes-always', '--no-check-update', '--analytics-disable', '--no-show-model-warnings', '--no-detect-urls', '--no-suggest-shell-commands', '--no-auto-commits', '--no-pretty',
      '--auto-test', '--test-cmd', 'wc -l < notes.txt > count.txt', 'notes.txt',
    ], { folder: work(), home: join(place, 'home'), variables: { OPENAI_API_BASE: `${route.base_url}/v1`, OPENAI_API_KEY: route.token } });
    expect(code, stdout + stderr).toBe(0);
    expect(file('notes.txt'), stdout + stderr).toBe('The colour is blue.\nThe secret is 4711.\n');
    expect(file('count.txt').trim()).toBe('2');
    // Aider puts the file into its question: it was read.
    expect(messages.requests.some((request) => request.raw.includes('4711'))).toBe(true);
  }, 200_000);
});
