import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { ManagedProcess } from './managed-process.ts';

// Real processes: small Node programs that speak the channel's language.
const wellBehaved = `
  process.on('message', (message) => { if (message.type === 'drain') { console.log('drained'); process.exit(0); } });
  process.on('disconnect', () => process.exit(0));
  process.send({ type: 'ready' });
  console.log('up');
`;
const started: ManagedProcess[] = [];

function manage(program: string) {
  const lines: string[] = [];
  const notices: string[] = [];
  const managed = new ManagedProcess(
    { name: 'sample', program: process.execPath, args: ['-e', program], environment: () => ({}), control: 'channel' },
    { line: (_, line) => lines.push(line), notice: (text) => notices.push(text), changed: () => {} },
  );
  started.push(managed);
  return { managed, lines, notices };
}

afterEach(() => {
  for (const managed of started.splice(0)) managed.kill();
});

describe('ManagedProcess', () => {
  it('is ready when the process says so, and passes its lines on', async () => {
    const { managed, lines } = manage(wellBehaved);
    managed.start();
    await managed.firstReady;
    expect(managed.pid).toBeGreaterThan(0);
    await expect.poll(() => lines).toContain('up');
  });

  it('starts a killed process again with one line about it, and one when it is back', async () => {
    const { managed, notices } = manage(wellBehaved);
    managed.start();
    await managed.firstReady;
    const before = managed.pid;
    process.kill(before ?? 0, 'SIGKILL');
    await expect.poll(() => notices).toEqual(['sample died (SIGKILL); starting it again in 0.1 s', 'sample is back']);
    expect(managed.pid).not.toBe(before);
  });

  it('drains when told, without a restart', async () => {
    const { managed, lines, notices } = manage(wellBehaved);
    managed.start();
    await managed.firstReady;
    expect(await managed.drain(10_000)).toBe(true);
    await sleep(300);
    expect([lines.includes('drained'), notices, managed.pid]).toEqual([true, [], null]);
  });

  it('says when a drain takes too long, and kills on demand', async () => {
    const { managed } = manage(`process.send({ type: 'ready' }); process.on('message', () => {}); setInterval(() => {}, 1000);`);
    managed.start();
    await managed.firstReady;
    expect(await managed.drain(100)).toBe(false);
    managed.kill();
    await expect.poll(() => managed.pid).toBeNull();
  });

  it('gives up on a process that never comes up, with its last lines', async () => {
    const { managed } = manage(`console.error('the reason'); process.exit(3);`);
    managed.start();
    await expect(managed.firstReady).rejects.toThrow(/sample does not start \(exit code 3\)[\s\S]*the reason/);
  });
});
