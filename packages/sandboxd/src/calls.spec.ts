import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Calls } from './calls.ts';
import type { NativeFrame, Start } from './native-wire.ts';
import { OutcomeStore } from './outcome-store.ts';
import { ProtocolError } from './protocol.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'deskhand-calls-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** The tools' side as a script: what was ordered, and the frames a test lets a holder say. */
function launcher() {
  const starts: Start[] = [];
  const purges: string[] = [];
  return { starts, purges, start: async (start: Start) => void starts.push(start), purge: (reason: string) => void purges.push(reason) };
}

const command = (call_id: string) => ({ call_id, argv: ['true'], timeout_ms: 10_000, output_limit: 1_000, descendants: 'keep' as const });
const exited: NativeFrame = { type: 'exited', code: 0, signal: null };
const say = (text: string): NativeFrame => ({ type: 'output', bytes: Buffer.from(text) });

describe('calls', () => {
  it('start once and answer where they stand', async () => {
    const tools = launcher();
    const calls = new Calls(new OutcomeStore(folder), tools);
    const [first, second] = [calls.run(command('a'), 1_000), calls.run(command('a'), 1_000)];
    await vi.waitFor(() => expect(tools.starts).toHaveLength(1));
    const receive = calls.attach(tools.starts[0]!.token, () => undefined)!;
    receive(say('hi'));
    receive(exited);
    expect(await first).toMatchObject({ state: 'ended', text: 'hi', outcome: { exit_code: 0 } });
    expect(await second).toEqual(await first);
    expect(await calls.run(command('a'), 0)).toEqual(await first);
    expect(tools.starts).toHaveLength(1);
    expect(await calls.follow('never', 0, 0)).toMatchObject({ state: 'unknown' });
  });

  it('follow from an offset, and wait for what comes', async () => {
    const tools = launcher();
    const calls = new Calls(new OutcomeStore(folder), tools);
    await calls.run(command('a'), 0);
    const receive = calls.attach(tools.starts[0]!.token, () => undefined)!;
    receive(say('one'));
    expect(await calls.follow('a', 0, 1_000)).toMatchObject({ state: 'running', offset: 0, text: 'one' });
    const later = calls.follow('a', 3, 5_000);
    receive(say('two'));
    expect(await later).toMatchObject({ offset: 3, text: 'two' });
    receive(exited);
    expect(await calls.follow('a', 99, 0)).toMatchObject({ state: 'ended', offset: 6, text: '' });
  });

  it('are not started, and not known, when no runner takes the order', async () => {
    const tools = { ...launcher(), start: async () => { throw new ProtocolError('UNAVAILABLE', 'no runner'); } };
    const calls = new Calls(new OutcomeStore(folder), tools);
    await expect(calls.run(command('a'), 0)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(await calls.follow('a', 0, 0)).toMatchObject({ state: 'unknown' });
    expect(new OutcomeStore(folder).load()).toEqual([]);
  });

  it('let nobody in with a wrong token, or twice with the right one', async () => {
    const tools = launcher();
    const calls = new Calls(new OutcomeStore(folder), tools);
    await calls.run(command('a'), 0);
    expect(calls.attach('forged', () => undefined)).toBeNull();
    expect(calls.attach(tools.starts[0]!.token, () => undefined)).not.toBeNull();
    expect(calls.attach(tools.starts[0]!.token, () => undefined)).toBeNull();
  });

  it('are killed through their holder, and from outside when that does not help', async () => {
    const tools = launcher();
    const calls = new Calls(new OutcomeStore(folder), tools);
    await calls.run(command('obeys'), 0);
    await calls.run(command('refuses'), 0);
    const obeys = calls.attach(tools.starts[0]!.token, () => {
      obeys({ type: 'exited', code: null, signal: 9 });
      obeys({ type: 'gone' });
    })!;
    calls.attach(tools.starts[1]!.token, () => undefined);
    expect(await calls.kill('obeys')).toEqual({ gone: true });
    expect(await calls.follow('obeys', 0, 0)).toMatchObject({ state: 'ended', outcome: { killed: true, signal: 'SIGKILL', exit_code: null } });
    const killed = calls.kill('refuses');
    await vi.waitFor(() => expect(tools.purges).toHaveLength(1), 3_000);
    calls.allLost();
    expect(await killed).toEqual({ gone: true });
    expect(await calls.kill('never started')).toEqual({ gone: true });
  });

  it('end with the reason of the computer', async () => {
    const tools = launcher();
    const calls = new Calls(new OutcomeStore(folder), tools);
    await calls.run(command('a'), 0);
    const receive = calls.attach(tools.starts[0]!.token, () => receive({ type: 'exited', code: null, signal: 9 }))!;
    expect(calls.contain('The disk is full.')).toBe(1);
    expect(await calls.follow('a', 0, 0)).toMatchObject({ state: 'ended', outcome: { contained: 'The disk is full.', killed: false } });
  });

  it('outlive the daemon: ended ones with their outcome, running ones with what they showed', async () => {
    const tools = launcher();
    const before = new Calls(new OutcomeStore(folder), tools);
    for (const id of ['ended', 'running']) await before.run(command(id), 0);
    const ended = before.attach(tools.starts[0]!.token, () => undefined)!;
    ended(say('all of it'));
    ended(exited);
    ended({ type: 'gone' });
    before.attach(tools.starts[1]!.token, () => undefined)!(say('so far, '));

    const after = new Calls(new OutcomeStore(folder), tools);
    expect(await after.follow('ended', 0, 0)).toMatchObject({ state: 'ended', text: 'all of it', outcome: { exit_code: 0 } });
    expect(await after.run(command('running'), 0)).toMatchObject({ state: 'running', text: 'so far, ' });
    const receive = after.attach(tools.starts[1]!.token, () => undefined)!;
    receive(say('and more'));
    receive(exited);
    expect(await after.follow('running', 0, 0)).toMatchObject({ state: 'ended', text: 'so far, and more' });
    expect(tools.starts).toHaveLength(2);
  });

  it('say why nothing was started', async () => {
    const tools = launcher();
    const calls = new Calls(new OutcomeStore(folder), tools);
    await calls.run(command('a'), 0);
    calls.forkFailed(tools.starts[0]!.token, 11);
    expect(await calls.follow('a', 0, 0)).toMatchObject({ state: 'ended', outcome: { exit_code: 126, contained: expect.stringContaining('limit') } });
  });

  it('keep the outcomes of the last calls only', async () => {
    const tools = launcher();
    const calls = new Calls(new OutcomeStore(folder), tools);
    for (let index = 0; index < 230; index++) {
      await calls.run(command(`call ${index}`), 0);
      const receive = calls.attach(tools.starts[index]!.token, () => undefined)!;
      receive(exited);
      receive({ type: 'gone' });
    }
    expect(new OutcomeStore(folder).load().length).toBeLessThanOrEqual(202);
    expect(await calls.follow('call 229', 0, 0)).toMatchObject({ state: 'ended' });
    expect(await calls.follow('call 0', 0, 0)).toMatchObject({ state: 'unknown' });
  });
});
