import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId, sandbox } from '@deskhand/contracts';
import { configure, startManager, startSurroundings, type Surroundings, type TestComputer } from './running-manager.ts';

// Real: Docker, the image, nats-server, SQLite. Not real: conversations (grants signed by the test).
describe('commands', () => {
  let surroundings: Surroundings;
  let computer: TestComputer;
  let close: () => Promise<void>;

  beforeAll(async () => {
    surroundings = await startSurroundings();
    configure(surroundings);
    const manager = await startManager(surroundings);
    close = manager.close;
    computer = surroundings.computer();
    const asked = performance.now();
    expect(await computer.start()).toMatchObject({ computer_id: computer.id, state: 'ready' });
    const first = await computer.run(['true']);
    console.info(`new computer to the end of its first command: ${Math.round(performance.now() - asked)} ms`);
    expect(first.outcome?.exit_code).toBe(0);
  });
  afterAll(async () => {
    await close();
    await surroundings.close();
  });

  it('tells every step of a start in words', () => {
    expect(surroundings.news.map(({ state, step }) => [state, step])).toEqual([
      ['starting', 'Preparing computer: workspace'], ['starting', 'Preparing computer: creating container'], ['starting', 'Preparing computer: connecting'], ['ready', undefined],
    ]);
  });

  it('runs a command to its end with its output, its exit code and its input', async () => {
    const view = await computer.bash('cat; echo out; echo err >&2; id -un; pwd; umask; exit 3', { stdin: 'Grüße 👋\n' });
    expect(view).toMatchObject({ state: 'ended', text: 'Grüße 👋\nout\nerr\nagent\n/workspace\n0002\n', outcome: { exit_code: 3, signal: null, timed_out: false, killed: false } });
  });

  it('has a login shell that finds what an agent installed for itself, where installers put it', async () => {
    await computer.bash('mkdir -p ~/.local/bin && printf "#!/bin/sh\\necho mine" > ~/.local/bin/own && chmod +x ~/.local/bin/own');
    const { text } = await computer.bash(`bash -lc 'echo "$PATH"; umask; echo "$NPM_CONFIG_PREFIX"; own'`);
    expect(text).toBe('/home/agent/.local/bin:/usr/local/bin:/usr/bin:/bin\n0002\n/home/agent/.local\nmine\n');
  });

  it('starts a call once, however often it is asked for', async () => {
    const call_id = newId();
    const views = await Promise.all(Array.from({ length: 8 }, () => computer.bash('echo once >> /workspace/once; sleep 0.2; cat /workspace/once', { call_id })));
    expect(views.map(({ text }) => text)).toEqual(Array(8).fill('once\n'));
  });

  it('says what could not be started, and refuses what could not be meant', async () => {
    expect(await computer.run(['no-such-program'])).toMatchObject({ text: 'The program cannot be started: no such file or directory\n', outcome: { exit_code: 127 } });
    expect(await computer.run(['true'], { cwd: '/nowhere' })).toMatchObject({ outcome: { exit_code: 126 } });
    await expect(computer.run(['true'], { cwd: 'relative' })).rejects.toMatchObject({ code: 'BAD_INPUT' });
    await expect(computer.run(['echo', 'a\0b'])).rejects.toMatchObject({ code: 'BAD_INPUT' });
    expect(await computer.follow('never-started')).toMatchObject({ state: 'unknown', text: '' });
  });

  it('streams output while a command runs', async () => {
    const call_id = newId();
    const first = await computer.run(['bash', '-c', 'echo one; sleep 1; echo two'], { call_id });
    expect(first).toMatchObject({ state: 'running', text: 'one\n' });
    expect(await computer.toEnd(call_id, first)).toMatchObject({ state: 'ended', text: 'one\ntwo\n' });
  });

  it('keeps what a command left in the background, and ends it when asked', async () => {
    const call_id = newId();
    const view = await computer.bash('sleep 300 & echo $!', { call_id });
    const pid = view.text.trim();
    expect((await computer.bash(`kill -0 ${pid}`)).outcome?.exit_code).toBe(0);
    expect(await computer.kill(call_id)).toEqual({ gone: true });
    expect((await computer.bash(`kill -0 ${pid} 2>/dev/null`)).outcome?.exit_code).toBe(1);
    const wiped = await computer.bash('sleep 300 & echo $!', { descendants: 'kill' });
    // Dead at once; its number is gone when its parent has heard of it.
    await expect.poll(async () => (await computer.bash(`kill -0 ${wiped.text.trim()} 2>/dev/null`)).outcome?.exit_code).toBe(1);
  });

  it('ends a command that takes too long, with all it started', async () => {
    const view = await computer.bash('sleep 300 & sleep 300', { timeout_ms: 300 });
    expect(view.outcome).toMatchObject({ exit_code: null, signal: 'SIGKILL', timed_out: true, killed: false });
    expect((await computer.bash('pgrep -x sleep')).text).toBe('');
  });

  it('edits files as the tools do', async () => {
    const file = '/opt/deskhand/bin/deskhand-file';
    const write = await computer.run([file, 'write', 'notes/a.txt'], { stdin: 'one\ntwo\nthree\n' });
    expect(JSON.parse(write.text)).toEqual({ path: '/workspace/notes/a.txt', lines: 3, created: true });
    const edit = await computer.run([file, 'edit', 'notes/a.txt'], { stdin: '3\ntwoZWEI – 二' });
    expect(JSON.parse(edit.text)).toEqual({ path: '/workspace/notes/a.txt', lines: 3, created: false, occurrences: 1, first_line: 2 });
    expect((await computer.run([file, 'read', 'notes/a.txt', '--offset', '2', '--limit', '1'])).text).toBe('     2\tZWEI – 二\n(lines 2 to 2 of 3; the next is --offset 3)\n');
    const again = await computer.run([file, 'write', 'notes/a.txt'], { stdin: 'new' });
    expect(JSON.parse(again.text)).toMatchObject({ created: false, before: 'one\nZWEI – 二\nthree\n' });
    for (const [argv, stdin] of [[['read', '/dev/zero']], [['read', '/workspace']], [['read', 'missing']], [['edit', 'notes/a.txt'], '3\nabcX'], [['write', '/etc/passwd'], 'x']] as [string[], string?][]) {
      const refused = await computer.run([file, ...argv], { stdin });
      expect(refused.outcome?.exit_code).toBe(1);
      expect(refused.text).not.toBe('');
    }
  });

  it('answers quickly', async () => {
    const times: number[] = [];
    for (let round = 0; round < 60; round++) {
      const asked = performance.now();
      expect((await computer.run(['bash', '-lc', 'true'])).state).toBe('ended');
      times.push(performance.now() - asked);
    }
    const median = times.sort((a, b) => a - b)[30]!;
    console.info(`bash -lc true, from the agent's request to its end: p50 ${median.toFixed(1)} ms`);
    expect(median).toBeLessThan(60);
  });

  it('forbids what the grant does not give', async () => {
    const other = surroundings.computer();
    const foreign = { computer_id: computer.id, call_id: newId(), argv: ['true'] };
    for (const grant of [await other.grant(), await computer.grant(['computer:manage']), await computer.grant(undefined, Math.floor(Date.now() / 1_000) - 90), 'nonsense', `${await computer.grant()}x`]) {
      await expect(surroundings.agent.request(sandbox.run, { ...foreign, grant })).rejects.toMatchObject({ code: 'FORBIDDEN' });
    }
    const grant = await computer.grant();
    await expect(surroundings.agent.request(sandbox.start, { computer_id: computer.id, grant, conversation_id: newId(), user_id: computer.userId })).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(surroundings.agent.request(sandbox.stop, { computer_id: computer.id, grant })).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });
});
