import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { newId, sandbox } from '@deskhand/contracts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Engine } from '../src/containers/engine.ts';
import { IdleService } from '../src/computers/idle.service.ts';
import { bundleManager, configure, docker, image, managerEnvironment, startManager, startSurroundings, type Surroundings, type TestComputer, until } from './running-manager.ts';

// Real: Docker, the image, nats-server, SQLite, and where a manager dies its process. Not real: conversations.
describe('the life of a computer', () => {
  let surroundings: Surroundings;
  const closing: (() => Promise<unknown>)[] = [];

  beforeEach(async () => {
    surroundings = await startSurroundings();
    configure(surroundings);
  });
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
    await surroundings.close();
  });

  const manage = async () => {
    const manager = await startManager(surroundings);
    closing.push(manager.close);
    return manager;
  };
  const states = (computer: TestComputer) => surroundings.news.filter(({ computer_id }) => computer_id === computer.id).map(({ state }) => state);

  it('sleeps when idle, wakes with its processes, stops later and comes back with its files', async () => {
    const manager = await manage();
    const idle = manager.app.get(IdleService, { strict: false });
    const computer = surroundings.computer();
    await computer.start();
    await computer.bash('echo kept > /workspace/kept; echo home > ~/kept; sleep 1000 & echo $! > /tmp/pid');

    surroundings.setActivity((computer_id) => ({ computer_id, active: true, parked_since: null }));
    await idle.look(Date.now() + 3_600_000);
    expect(states(computer).at(-1)).toBe('ready');

    surroundings.setActivity((computer_id) => ({ computer_id, active: false, parked_since: new Date().toISOString() }));
    await idle.look(Date.now() + 7_200_000);
    await until(() => states(computer).at(-1) === 'paused');
    const [container] = await surroundings.containers();
    expect(container?.State).toBe('paused');

    const asked = performance.now();
    expect((await computer.run(['bash', '-c', 'kill -0 $(cat /tmp/pid)'])).outcome?.exit_code).toBe(0);
    console.info(`wake from pause to the end of a command: ${Math.round(performance.now() - asked)} ms`);

    surroundings.setActivity((computer_id) => ({ computer_id, active: false, parked_since: null }));
    await idle.look(Date.now() + 600_001);
    await until(() => states(computer).at(-1) === 'stopped');
    expect(await surroundings.containers()).toEqual([]);
    await expect(computer.run(['true'])).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await computer.start();
    expect((await computer.bash('cat /workspace/kept ~/kept; cat /tmp/pid 2>&1')).text).toBe('kept\nhome\ncat: /tmp/pid: No such file or directory\n');
  });

  it('wakes after a long pause without losing its streams', async () => {
    await manage();
    const computer = surroundings.computer();
    await computer.start();
    const call_id = newId();
    await computer.run(['bash', '-c', 'sleep 0.1; echo early; sleep 8; echo late'], { call_id, wait_ms: 500 });
    const [container] = await surroundings.containers();
    await docker.getContainer(container!.Id).pause();
    await new Promise((resolve) => setTimeout(resolve, 7_500));
    await docker.getContainer(container!.Id).unpause();
    expect((await computer.toEnd(call_id, await computer.follow(call_id))).text).toBe('early\nlate\n');
  });

  it('lets a new manager take over what runs when the old one is killed', async () => {
    const { program, remove } = bundleManager();
    closing.push(remove);
    const launch = async (): Promise<ChildProcess> => {
      const child = spawn(process.execPath, [program], { env: managerEnvironment(surroundings), stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
      closing.push(async () => child.kill('SIGKILL'));
      await new Promise<void>((resolve, reject) => {
        child.once('message', () => resolve());
        child.once('exit', () => reject(new Error('The manager ended at its start')));
      });
      return child;
    };
    const first = await launch();
    const computer = surroundings.computer();
    const idler = surroundings.computer();
    await Promise.all([computer.start(), idler.start()]);
    const [over, running] = [newId(), newId()];
    await computer.bash('echo over; echo over >> /workspace/effects', { call_id: over });
    const begun = await computer.run(['bash', '-c', 'echo begun; echo begun >> /workspace/effects; sleep 3; echo done'], { call_id: running });
    first.kill('SIGKILL');
    const died = performance.now();
    await launch();
    // Started once, whatever is asked again.
    expect(await computer.run(['bash', '-c', 'echo over >> /workspace/effects'], { call_id: over })).toMatchObject({ state: 'ended', text: 'over\n', outcome: { exit_code: 0 } });
    console.info(`a manager killed and replaced, first answer of the next: ${Math.round(performance.now() - died)} ms`);
    expect(await computer.toEnd(running, await computer.follow(running))).toMatchObject({ text: 'begun\ndone\n', outcome: { exit_code: 0 } });
    expect(begun.text).toBe('begun\n');
    expect((await computer.bash('cat effects; pgrep -c deskhand-runner; true')).text).toMatch(/^over\nbegun\n/);
    expect(await surroundings.containers()).toHaveLength(2);
    expect((await idler.bash('echo alive')).text).toBe('alive\n');
  });

  it('never runs a call again that an earlier life of the computer may have started', async () => {
    await manage();
    const computer = surroundings.computer();
    await computer.start();
    const call_id = newId();
    await computer.bash('echo effect >> /workspace/effects', { call_id });
    const [container] = await surroundings.containers();
    await docker.getContainer(container!.Id).remove({ force: true });
    await until(() => states(computer).at(-1) === 'stopped');
    expect(surroundings.news.at(-1)?.error).toMatch(/ended|removed/);
    await computer.start();
    expect(await computer.run(['bash', '-c', 'echo effect >> /workspace/effects'], { call_id })).toMatchObject({ state: 'unknown', text: '' });
    expect((await computer.bash('cat effects')).text).toBe('effect\n');
  });

  it('removes orphans of its own installation only, and marks what is missing', async () => {
    const first = await startManager(surroundings);
    const [kept, missing] = [surroundings.computer(), surroundings.computer()];
    await Promise.all([kept.start(), missing.start()]);
    // Used just now, so they outlive the end of their manager.
    await Promise.all([kept.bash('echo kept > kept'), missing.bash('true')]);
    await first.close();
    const label = (installation: string, computer: string) => ({ Image: image, NetworkDisabled: true, Labels: { 'deskhand.installation': installation, 'deskhand.computer': computer } });
    const orphan = await docker.createContainer(label(surroundings.installationId, newId()));
    const foreign = await docker.createContainer(label(`${surroundings.installationId}-other`, newId()));
    closing.push(() => foreign.remove({ force: true }));
    await orphan.start();
    const gone = (await surroundings.containers()).find(({ Labels }) => Labels['deskhand.computer'] === missing.id);
    await docker.getContainer(gone!.Id).remove({ force: true });

    await manage();
    const left = await surroundings.containers();
    expect(left.map(({ Labels }) => Labels['deskhand.computer'])).toEqual([kept.id]);
    await expect(foreign.inspect()).resolves.toBeDefined();
    await until(() => states(missing).at(-1) === 'stopped');
    expect((await kept.bash('cat kept')).text).toBe('kept\n');
    await missing.start();
    expect((await missing.bash('echo back')).text).toBe('back\n');
  });

  it('makes a computer anew that runs and does not answer, with the same files', async () => {
    const first = await startManager(surroundings);
    const computer = surroundings.computer();
    await computer.start();
    await computer.bash('echo kept > kept');
    const [before] = await surroundings.containers();
    await first.close();
    const exec = await docker.getContainer(before!.Id).exec({ User: 'sandboxd', Cmd: ['rm', '/run/sandboxd/control.sock'], AttachStdout: true });
    const output = await exec.start({ hijack: true, stdin: false });
    await new Promise((resolve) => output.resume().once('end', resolve));
    await manage();
    expect(await computer.start()).toMatchObject({ state: 'ready' });
    expect((await computer.bash('cat kept')).text).toBe('kept\n');
    const after = await surroundings.containers();
    expect(after).toHaveLength(1);
    expect(after[0]!.Id).not.toBe(before!.Id);
  });

  it('gives a workspace to the tools by a helper container where this user may not', async () => {
    const folder = join(surroundings.root, 'helped');
    mkdirSync(folder);
    await new Engine(null).asRoot(image, surroundings.installationId, folder, ['/bin/sh', '-c', 'chown 1000:1000 /target && chmod 2775 /target']);
    expect(statSync(folder)).toMatchObject({ uid: 1000, gid: 1000, mode: 0o42775 });
    await until(async () => (await surroundings.containers()).length === 0);
    await expect(new Engine(null).asRoot(image, surroundings.installationId, folder, ['/bin/false'])).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('removes container and files with the conversation', async () => {
    await manage();
    const computer = surroundings.computer();
    await computer.start();
    await computer.bash('mkdir -p a/b && echo x > a/b/c && ln -s /etc/passwd link && chmod 000 a');
    const folder = join(surroundings.root, computer.id);
    expect(existsSync(folder)).toBe(true);
    await surroundings.deleted(computer, surroundings.computer());
    await until(() => !existsSync(folder));
    expect(await surroundings.containers()).toEqual([]);
    expect(readFileSync('/etc/passwd', 'utf8')).toContain('root');
  });

  it('serves without a Docker engine, and says what to do when a computer is wanted', async () => {
    configure(surroundings, { DOCKER_PROBLEM: 'There is no Docker engine here; install one.' });
    await manage();
    const computer = surroundings.computer();
    await expect(computer.start()).rejects.toMatchObject({ code: 'UNAVAILABLE', message: 'There is no Docker engine here; install one.' });
    await until(() => states(computer).at(-1) === 'failed');
    const gateway = await surroundings.nats.bus('gateway');
    expect(await gateway.request(sandbox.list, {})).toMatchObject([{ computer_id: computer.id, state: 'failed', container_id: null }]);
  });

  it('says so when the image is missing', async () => {
    configure(surroundings, { SANDBOX_IMAGE: 'deskhand-no-such-image:1' });
    await manage();
    await expect(surroundings.computer().start()).rejects.toMatchObject({ code: 'UNAVAILABLE', message: expect.stringContaining('image is missing') });
  });
});
