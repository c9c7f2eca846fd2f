/** Real: the bundled program of the computers, its host, and servers as processes of this machine; only the computer is not there. */
import { spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { bundle } from '../../../deploy/local/bundle.ts';
import { computerAnswer, type ComputerAnswer } from '../src/index.ts';
import { dot, stdioServer } from './stdio-server.ts';

const root = join(import.meta.dirname, '../../..');
const program = join(tmpdir(), `deskhand-mcp-${process.pid}.mjs`);
const { file, notes } = stdioServer();
const used: string[] = [];

function order(values: Record<string, string> = {}, id = `test-${randomUUID()}`, command = process.execPath, args = [file]) {
  used.push(id);
  const server = { id, name: 'Test', command, args };
  const environment = { ...process.env, SECRET_OF_THE_MACHINE: 'not for servers', MCP_VARIABLES: JSON.stringify({ NOTES: notes, ...values }) };
  const start = (verb: string, body: object) => {
    const child = spawn(process.execPath, [program, verb], { env: environment, stdio: ['pipe', 'pipe', 'inherit'] });
    child.stdin.end(JSON.stringify(body));
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => { output += chunk.toString(); });
    const answer = new Promise<ComputerAnswer>((resolve, reject) => child.once('close', () => {
      const parsed = computerAnswer.safeParse(JSON.parse(output.trim() || 'null'));
      if (parsed.success) resolve(parsed.data);
      else reject(new Error(`No answer: ${output} ${parsed.error.message}`));
    }));
    answer.catch(() => {});
    return { child, answer };
  };
  return {
    tools: async (starter = 'starter') => start('tools', { server, starter }).answer,
    call: (tool: string, given: object = {}, timeout_ms = 5_000) => start('call', { server, tool, arguments: given, timeout_ms }),
  };
}
const running = (text: string) => spawnSync('pgrep', ['-f', text]).stdout.toString().split('\n').filter((line) => line !== '').length;
const eventually = async (check: () => boolean) => {
  for (let tries = 0; !check(); tries++) {
    if (tries > 300) throw new Error('It never was so');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};

/** Ends a process that may have ended by itself meanwhile. */
function end(pid: number): void {
  try {
    process.kill(pid);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

describe('stdio servers in a computer', () => {
  beforeAll(async () => bundle({ entry: join(root, 'packages/mcp/src/computer/main.ts'), file: program, root, selfContained: true }), 60_000);
  afterEach(() => {
    // Their hosts stay until the computer stops; there is none here.
    for (const id of spawnSync('pgrep', ['-f', `${program} host`]).stdout.toString().split('\n')) if (id !== '') end(Number(id));
    rmSync(notes, { force: true });
  });
  afterAll(() => rmSync(program, { force: true }));

  it('are started once, tell their tools, and are called', async () => {
    const { tools, call } = order();
    const first = await tools('one');
    expect(first).toMatchObject({ type: 'tools', starter: 'one', left_out: [], tools: expect.arrayContaining([{ name: 'echo', description: 'Does echo', parameters: { type: 'object', properties: { text: { type: 'string' } } }, read_only: true }]) });
    expect(await tools('two')).toMatchObject({ starter: 'one' });
    expect(await call('echo', { text: 'you' }).answer).toEqual({ type: 'result', text: 'hello you', is_error: false, images: [] });
    expect(await call('fails').answer).toMatchObject({ text: 'no such thing', is_error: true });
    expect(await call('structured').answer).toMatchObject({ text: '{"a":1}' });
    expect(await call('nowhere').answer).toMatchObject({ type: 'problem', message: expect.stringContaining('There is no tool nowhere'), ran: false });
    expect(running(`${file}`)).toBe(1);
  });

  it('get the variables of their administrator and nothing else of this machine', async () => {
    const { tools, call } = order({ GREETING: 'moin', TOKEN: 'a b"c' });
    await tools();
    const { text } = (await call('variables').answer) as Extract<ComputerAnswer, { type: 'result' }>;
    const seen = JSON.parse(text) as Record<string, string>;
    expect(seen).toMatchObject({ GREETING: 'moin', TOKEN: 'a b"c' });
    expect(seen).not.toHaveProperty('SECRET_OF_THE_MACHINE');
    expect(seen).not.toHaveProperty('MCP_VARIABLES');
  });

  it('are started anew when they are defined anew', async () => {
    const id = `test-${randomUUID()}`;
    await order({ GREETING: 'one' }, id).tools('old');
    const changed = order({ GREETING: 'two' }, id);
    expect(await changed.call('echo', { text: 'x' }).answer).toMatchObject({ type: 'problem', ran: false });
    expect(await changed.tools('new')).toMatchObject({ starter: 'new' });
    expect(await changed.call('echo', { text: 'x' }).answer).toMatchObject({ text: 'two x' });
    await eventually(() => running(file) === 1);
  });

  it('have one host, however many ask at once', async () => {
    const { tools } = order();
    const answers = await Promise.all(['a', 'b', 'c', 'd'].map(async (starter) => tools(starter)));
    expect(new Set(answers.map((answer) => answer.type === 'tools' && answer.starter)).size).toBe(1);
    expect(running(file)).toBe(1);
  });

  it('show pictures, which are fetched in parts', async () => {
    const { tools, call } = order();
    await tools();
    const answer = (await call('picture').answer) as Extract<ComputerAnswer, { type: 'result' }>;
    expect(answer).toMatchObject({ text: '', images: [{ media_type: 'image/png', size: 70 }] });
    expect(spawnSync(process.execPath, [program, 'part', answer.images[0]!.file, '0']).stdout.toString()).toBe(`${dot}\n`);
  });

  it('that crash in a call are named with their last words, and are there for the next one', async () => {
    const { tools, call } = order();
    await tools('one');
    expect(await call('crash').answer).toEqual({ type: 'problem', message: 'It ended with exit code 3: out of luck', ran: true });
    await eventually(() => running(file) === 0);
    expect(await call('echo', { text: 'x' }).answer).toMatchObject({ type: 'problem', ran: false });
    expect(await tools('two')).toMatchObject({ starter: 'two' });
    expect(await call('echo', { text: 'x' }).answer).toMatchObject({ text: 'hello x' });
  });

  it('end with a call that takes too long, with what it had made a daemon', async () => {
    const { tools, call } = order();
    await tools();
    expect(await call('daemon', {}, 500).answer).toEqual({ type: 'problem', message: 'It did not answer within 0.5 s', ran: true });
    await eventually(() => running(file) === 0 && running('sleep 4242') === 0);
  });

  it('SECURITY 17: end within three seconds when nobody waits for their call any more', async () => {
    const { tools, call } = order();
    await tools();
    const { child } = call('slow', {}, 60_000);
    await eventually(() => existsSync(notes) && readFileSync(notes, 'utf8') === 'slow began\n');
    child.kill('SIGKILL');
    const killed = Date.now();
    await eventually(() => running(file) === 0);
    expect(Date.now() - killed).toBeLessThan(3_000);
  });

  it('SECURITY 24: cost only their limits when they are hostile', async () => {
    expect(await order({ MODE: 'many' }).tools()).toMatchObject({ type: 'tools', tools: { length: 100 }, left_out: ['4900 tools: at most 100 of a server are used'] });
    expect(await order({ MODE: 'endless' }).tools()).toMatchObject({ type: 'tools', tools: { length: 20 } });
    expect(await order({ MODE: 'flood' }).tools()).toMatchObject({ type: 'problem', message: expect.stringContaining('more than 8 MB') });
    expect(await order({ MODE: 'broken' }).tools()).toMatchObject({ type: 'problem', message: expect.stringMatching(/exit code 1.*Cannot find module nowhere/) });
    expect(await order({ MODE: 'chatty' }).tools()).toMatchObject({ type: 'tools' });
    expect(await order({}, `test-${randomUUID()}`, 'no-such-program').tools()).toMatchObject({ type: 'problem', message: 'There is no program no-such-program in the computer' });
    const odd = (await order({ MODE: 'odd' }).tools()) as Extract<ComputerAnswer, { type: 'tools' }>;
    expect(odd.tools.map(({ name }) => name)).toEqual(['good', 'marked']);
    expect(odd.left_out).toHaveLength(5);
    expect(odd.tools[1]!.description).toBe('<img src=x onerror=alert(1)>[31mred');
  });

  it('have no shell between their program and its arguments', async () => {
    const trap = join(tmpdir(), `trap-${process.pid}`);
    await order({}, `test-${randomUUID()}`, process.execPath, [file, `; touch ${trap}`, `$(touch ${trap})`]).tools();
    await order({}, `test-${randomUUID()}`, `touch ${trap}`).tools();
    expect(existsSync(trap)).toBe(false);
  });

  it('keep long answers short', async () => {
    const { tools, call } = order();
    await tools();
    const { text } = (await call('large').answer) as Extract<ComputerAnswer, { type: 'result' }>;
    expect(text.length).toBeLessThan(48_100);
    expect(text).toContain('characters left out here');
  });
});
