import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { newId, sandbox } from '@deskhand/contracts';
import { Database } from '@deskhand/platform';
import { startDatabases, type TestDatabases } from '@deskhand/platform/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { IdleService } from '../src/computers/idle.service.ts';
import { Engine } from '../src/containers/engine.ts';
import { entities } from '../src/database/entities.ts';
import { migrations } from '../src/database/migrations.ts';
import { bundleManager, configure, docker, managerEnvironment, startManager, startSurroundings, type Surroundings, type TestComputer, until } from './running-manager.ts';

interface Owned {
  id: string;
  manager_id: string | null;
  epoch: number;
  host: string | null;
  state: string;
  container_id: string | null;
  removed_at: string | null;
}

// Real: PostgreSQL, Docker, the image, nats-server, and the managers' processes. Not real: conversations.
describe('several managers', () => {
  let surroundings: Surroundings;
  let databases: TestDatabases;
  let database: Database;
  let bundled: ReturnType<typeof bundleManager>;
  const closing: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    bundled = bundleManager();
    databases = await startDatabases('postgres');
  });
  afterAll(async () => {
    await databases?.close();
    await bundled.remove();
  });
  beforeEach(async () => {
    surroundings = await startSurroundings(databases);
    configure(surroundings);
    database = await Database.open({ url: surroundings.databaseUrl, entities, migrations });
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    for (const close of closing.splice(0).reverse()) await close();
    await database.close();
    await surroundings.close();
  });

  /** A manager as a process of its own. */
  const launch = async (instance: string): Promise<ChildProcess> => {
    const child = spawn(process.execPath, [bundled.program], { env: managerEnvironment(surroundings, instance), stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    closing.push(async () => child.kill('SIGKILL'));
    await new Promise<void>((resolve, reject) => {
      child.once('message', () => resolve());
      child.once('exit', () => reject(new Error('The manager ended at its start')));
    });
    return child;
  };
  /** A manager in this process, on an engine that says that it is `host`. */
  const onHost = async (host: string, instance = host) => {
    vi.spyOn(Engine.prototype, 'id').mockResolvedValue(host);
    configure(surroundings, { SERVICE_INSTANCE: instance });
    const manager = await startManager(surroundings);
    let closed = false;
    const close = async () => {
      if (closed) return;
      closed = true;
      await manager.close();
    };
    closing.push(close);
    return { ...manager, close };
  };
  const row = async ({ id }: TestComputer): Promise<Owned | undefined> => (await database.read(async (em) => em.execute<Owned[]>('select id, manager_id, epoch, host, state, container_id, removed_at from computers where id = ?', [id])))[0];
  const managerOf = async (instance: string): Promise<string> => (await database.read(async (em) => em.execute<{ id: string }[]>('select id from managers where instance = ?', [instance])))[0]!.id;
  const effects = (computer: TestComputer) => readFileSync(join(surroundings.root, computer.id, 'workspace', 'effects'), 'utf8').split('\n').filter(Boolean);
  /** Every answer that managers give to one question about a computer. */
  const answersTo = async (computer: TestComputer): Promise<({ value: unknown } | { error: { code: string } })[]> => {
    const { connection } = surroundings.agent;
    const question = JSON.stringify({ computer_id: computer.id, grant: await computer.grant(), call_id: newId(), argv: ['true'] });
    const answers: string[] = [];
    for await (const answer of await connection.requestMany(`sandbox.${computer.id}.run`, question, { strategy: 'timer', maxWait: 2_500 })) answers.push(answer.string());
    return answers.map((answer) => JSON.parse(answer) as { value: unknown });
  };
  /** Computers until each manager has at least one. */
  const computerAt = async (instance: string): Promise<TestComputer> => {
    const wanted = await managerOf(instance);
    for (let attempt = 0; attempt < 20; attempt++) {
      const computer = surroundings.computer();
      await computer.start();
      if ((await row(computer))?.manager_id === wanted) return computer;
    }
    throw new Error(`No computer came to ${instance}`);
  };

  it('make one container of a computer, whoever is asked, and leave each other\'s alone', async () => {
    await Promise.all([launch('a'), launch('b')]);
    const computer = surroundings.computer();
    await Promise.all(Array.from({ length: 12 }, () => computer.start()));
    expect(await surroundings.containers()).toHaveLength(1);
    const [one, other] = [await computerAt('a'), await computerAt('b')];
    for (const each of [one, other]) expect((await each.bash('echo here')).text).toBe('here\n');
    const before = (await surroundings.containers()).map(({ Id }) => Id).sort();
    // One that begins finds the containers of both and keeps its hands off.
    await launch('c');
    expect((await surroundings.containers()).map(({ Id }) => Id).sort()).toEqual(before);
    expect(new Set([(await row(one))?.manager_id, (await row(other))?.manager_id])).toEqual(new Set([await managerOf('a'), await managerOf('b')]));
    // Asked of any of the three, done once, by the one that has it.
    for (let index = 0; index < 6; index++) expect(await one.start()).toMatchObject({ state: 'ready' });
    expect((await row(one))?.epoch).toBe(1);
    await surroundings.deleted(one, other);
    await until(async () => (await surroundings.containers()).length === before.length - 2);
    // The row goes last.
    await until(async () => (await row(one)) === undefined && (await row(other)) === undefined);
    for (const { id } of [one, other]) expect(existsSync(join(surroundings.root, id))).toBe(false);
  }, 90_000);

  it('take over what a killed one had, with the calls at work', async () => {
    const [a] = await Promise.all([launch('a'), launch('b')]);
    const computer = await computerAt('a');
    const [over, running] = [newId(), newId()];
    await computer.bash('echo over >> effects; echo over', { call_id: over });
    await computer.run(['bash', '-c', 'echo begun | tee -a effects; sleep 12; echo done'], { call_id: running });
    const died = performance.now();
    a.kill('SIGKILL');
    // Asked while nobody has it, as a worker does that was just following.
    const view = await computer.follow(running, 0, 500);
    const seconds = (performance.now() - died) / 1_000;
    console.info(`a manager killed, its computer answers by another: ${seconds.toFixed(1)} s`);
    expect(view).toMatchObject({ text: 'begun\n' });
    expect(seconds).toBeLessThan(15);
    expect((await row(computer))?.manager_id).toBe(await managerOf('b'));
    expect(await computer.run(['bash', '-c', 'echo over >> effects'], { call_id: over })).toMatchObject({ state: 'ended', text: 'over\n', outcome: { exit_code: 0 } });
    expect(await computer.toEnd(running, await computer.follow(running))).toMatchObject({ text: 'begun\ndone\n', outcome: { exit_code: 0 } });
    expect(effects(computer)).toEqual(['over', 'begun']);
    expect((await row(computer))?.epoch).toBe(2);
  }, 60_000);

  it('stop serving what they lost while they were stopped themselves', async () => {
    const [a] = await Promise.all([launch('a'), launch('b')]);
    const computer = await computerAt('a');
    const [container] = (await surroundings.containers()).filter(({ Labels }) => Labels['deskhand.computer'] === computer.id);
    a.kill('SIGSTOP');
    const b = await managerOf('b');
    await until(async () => (await row(computer))?.manager_id === b, 25_000);
    // Both hear this, the one that was stopped as soon as it runs again.
    const calls = Array.from({ length: 10 }, (_, index) => ({ call_id: newId(), name: `call-${index}` }));
    const asked = Promise.allSettled(calls.map(({ call_id, name }) => computer.run(['bash', '-c', `echo ${name} >> effects`], { call_id })));
    a.kill('SIGCONT');
    // Whatever the stopped one still hears, only the other does it.
    const answers = await answersTo(computer);
    expect(answers.filter((answer) => 'value' in answer)).toHaveLength(1);
    for (const answer of answers) if ('error' in answer) expect(answer.error).toMatchObject({ code: 'UNAVAILABLE' });
    await asked;
    for (const { call_id, name } of calls) await computer.run(['bash', '-c', `echo ${name} >> effects`], { call_id, wait_ms: 4_000 });
    expect(effects(computer).sort()).toEqual(calls.map(({ name }) => name).sort());
    // Whatever the stopped one had in mind, the computer is as it was and stays with the other.
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(await row(computer)).toMatchObject({ manager_id: b, epoch: 2, container_id: container!.Id });
    expect((await docker.getContainer(container!.Id).inspect()).State.Running).toBe(true);
    // From now on only one hears it.
    expect(await answersTo(computer)).toHaveLength(1);
    // It is a manager like any other again.
    await computerAt('a');
  }, 90_000);

  it('hand over at once when one ends as it should', async () => {
    const [a] = await Promise.all([launch('a'), launch('b')]);
    const computer = await computerAt('a');
    const running = newId();
    await computer.run(['bash', '-c', 'echo begun; sleep 6; echo done'], { call_id: running });
    const ended = new Promise((resolve) => a.once('exit', resolve));
    a.kill('SIGTERM');
    await ended;
    const asked = performance.now();
    expect(await computer.follow(running, 0, 500)).toMatchObject({ text: 'begun\n' });
    const seconds = (performance.now() - asked) / 1_000;
    console.info(`a manager ended, its computer answers by another: ${seconds.toFixed(1)} s`);
    expect(seconds).toBeLessThan(5);
    expect((await computer.toEnd(running, await computer.follow(running))).text).toBe('begun\ndone\n');
  }, 60_000);

  it('stop what nobody uses when all of them end together', async () => {
    const managers = await Promise.all([launch('a'), launch('b')]);
    const [one, other] = [await computerAt('a'), await computerAt('b')];
    for (const each of [one, other]) expect((await each.bash('true')).outcome?.exit_code).toBe(0);
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    const ended = Promise.all(managers.map((manager) => new Promise((resolve) => manager.once('exit', resolve))));
    for (const manager of managers) manager.send({ type: 'drain' });
    await ended;
    expect(await surroundings.containers()).toEqual([]);
    for (const each of [one, other]) expect(await row(each)).toMatchObject({ state: 'stopped', manager_id: null });
  }, 60_000);

  it('put to sleep what they have themselves, and nothing else', async () => {
    const [one, two] = [await onHost('same'), await onHost('same', 'other-place')];
    const [first, second] = [await computerAt('same'), await computerAt('other-place')];
    const state = async (computer: TestComputer) => (await row(computer))?.state;
    const later = Date.now() + 120_000;
    await two.app.get(IdleService, { strict: false }).look(later);
    expect([await state(first), await state(second)]).toEqual(['ready', 'paused']);
    await one.app.get(IdleService, { strict: false }).look(later);
    expect(await state(first)).toBe('paused');
    // All of them are listed, by whoever is asked.
    const gateway = await surroundings.nats.bus('gateway');
    for (let index = 0; index < 4; index++) expect((await gateway.request(sandbox.list, {})).map(({ computer_id }) => computer_id)).toEqual(expect.arrayContaining([first.id, second.id]));
  }, 60_000);

  it('send a computer to the host that has its files, and say so when that is away', async () => {
    const one = await onHost('one');
    const computer = surroundings.computer();
    await computer.start();
    await computer.bash('echo kept > kept');
    await onHost('two');
    expect((await row(computer))?.host).toBe('one');
    await one.close();
    expect((await row(computer))?.manager_id).toBeNull();
    // Its folder is not to be seen on the other host.
    const folder = join(surroundings.root, computer.id);
    renameSync(folder, `${folder}-away`);
    await expect(computer.start()).rejects.toMatchObject({ code: 'UNAVAILABLE', message: expect.stringContaining('on another host') });
    expect((await row(computer))?.manager_id).toBeNull();
    renameSync(`${folder}-away`, folder);

    const again = await onHost('one');
    for (let index = 0; index < 4; index++) expect(await computer.start()).toMatchObject({ state: 'ready' });
    expect((await row(computer))?.manager_id).toBe(await managerOf('one'));
    await again.close();
    // The first host's engine is gone with its container. With the same folder on both, any host will do.
    for (const { Id } of await surroundings.containers()) await docker.getContainer(Id).remove({ force: true });
    expect(await computer.start()).toMatchObject({ state: 'ready' });
    expect((await computer.bash('cat kept')).text).toBe('kept\n');
    expect((await row(computer))?.host).toBe('two');
  }, 60_000);

  it('remove the files of a deleted conversation when their host comes back', async () => {
    const one = await onHost('one');
    const computer = surroundings.computer();
    await computer.start();
    await onHost('two');
    await one.close();
    const folder = join(surroundings.root, computer.id);
    renameSync(folder, `${folder}-away`);
    await surroundings.deleted(computer);
    await until(async () => (await row(computer))?.removed_at !== null);
    renameSync(`${folder}-away`, folder);
    await onHost('one');
    await until(async () => !existsSync(folder) && (await row(computer)) === undefined);
    expect(await surroundings.containers()).toEqual([]);
  }, 60_000);
});
