import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Log } from '@deskhand/platform';
import { describe, expect, it } from 'vitest';
import type { UsageRow } from '../database/entities.ts';
import { noUsage } from '../wire/token-usage.ts';
import type { CallOutcome, ModelCall } from './model-call.ts';
import { PriceTable } from './price-table.ts';
import { UsageJournal } from './usage-journal.ts';
import { UsageRecorder } from './usage-recorder.ts';

const outcome: CallOutcome = { status: 'completed', httpStatus: 200, usage: { ...noUsage, uncachedInput: 3, output: 4 }, estimated: false, firstByteMs: 1 };
const callOf = (id: string): ModelCall => ({ id, startedAt: 1, startedMark: performance.now(), run: null, route: { source: 'user', provider: 'openai', model: 'm' }, wire: 'openai-chat', stream: true, requestBytes: 400, baseUrl: 'http://h', officialPrices: false });

function recorderIn(folder: string | null, stored: Map<string, UsageRow>, fails: () => boolean = () => false): UsageRecorder {
  const store = async (rows: readonly UsageRow[]): Promise<void> => {
    if (fails()) throw new Error('The database is away');
    for (const row of rows) {
      expect(stored.has(row.id)).toBe(false);
      stored.set(row.id, row);
    }
  };
  return new UsageRecorder(store, new PriceTable(), new UsageJournal(folder), new Log());
}

const nobody = { destroy: () => {} };

/** As if the process that wrote the files were gone. */
function orphan(folder: string): void {
  for (const name of readdirSync(folder)) renameSync(join(folder, name), join(folder, `999999999-1-${name.split('-').at(-1)}`));
}

describe('usage rows', () => {
  it('reach the database in batches, each once', async () => {
    const stored = new Map<string, UsageRow>();
    const recorder = recorderIn(null, stored);
    for (let index = 0; index < 1_200; index++) {
      const call = callOf(`c${index}`);
      recorder.begin(call);
      recorder.end(call, outcome);
    }
    await expect.poll(() => stored.size).toBe(1_200);
    expect(stored.get('c7')).toMatchObject({ status: 'completed', uncachedInput: 3, output: 4, cost: null, userId: null });
    await recorder.close();
  });

  it('wait while the database is away', async () => {
    const stored = new Map<string, UsageRow>();
    let away = true;
    const recorder = recorderIn(null, stored, () => away);
    recorder.end(callOf('a'), outcome);
    await new Promise((resolve) => setTimeout(resolve, 150));
    recorder.end(callOf('b'), outcome);
    expect(stored.size).toBe(0);
    away = false;
    await recorder.close();
    expect([...stored.keys()]).toEqual(['a', 'b']);
  });

  it('of a killed process are stored by the next one; what it had begun counts as lost', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'deskhand-usage-'));
    const killed = recorderIn(folder, new Map(), () => true);
    const [ended, begun] = [callOf('ended'), callOf('begun')];
    killed.begin(ended);
    killed.begin(begun);
    killed.end(ended, outcome);
    await new Promise((resolve) => setImmediate(resolve));
    orphan(folder);
    for (const name of readdirSync(folder)) writeFileSync(join(folder, name), '{"begun":{"id":"half', { flag: 'a' });
    const stored = new Map<string, UsageRow>();
    const next = recorderIn(folder, stored);
    await next.recover();
    expect(stored.get('ended')).toMatchObject({ status: 'completed', output: 4, estimated: false });
    expect(stored.get('begun')).toMatchObject({ status: 'lost', uncachedInput: 100, output: 0, estimated: true });
    await next.close();
    await killed.close();
    const again = new Map<string, UsageRow>();
    await recorderIn(folder, again).recover();
    expect(again.size).toBe(0);
  });

  it('survive a second death before they are stored', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'deskhand-usage-'));
    const first = recorderIn(folder, new Map(), () => true);
    first.end(callOf('a'), outcome);
    await new Promise((resolve) => setImmediate(resolve));
    orphan(folder);
    const second = recorderIn(folder, new Map(), () => true);
    await second.recover();
    orphan(folder);
    const stored = new Map<string, UsageRow>();
    await recorderIn(folder, stored).recover();
    expect([...stored.keys()]).toEqual(['a']);
  });

  it('leave nothing in the journal once they are stored', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'deskhand-usage-'));
    const recorder = recorderIn(folder, new Map());
    const kept = (): string => readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8')).join('');
    for (let index = 0; index < 50; index++) recorder.end(callOf(`c${index}`), outcome);
    await new Promise((resolve) => setImmediate(resolve));
    expect(kept()).toContain('"c49"');
    await recorder.flush();
    expect(kept()).toBe('');
    await recorder.close();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('are found again also where all that came before them was stored', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'deskhand-usage-'));
    const first = recorderIn(folder, new Map());
    first.end(callOf('stored'), outcome);
    await first.flush();
    first.end(callOf('left'), outcome);
    await new Promise((resolve) => setImmediate(resolve));
    orphan(folder);
    const stored = new Map<string, UsageRow>();
    await recorderIn(folder, stored).recover();
    expect([...stored.keys()]).toEqual(['left']);
    await first.close();
  });

  it('hold up no answer because another cannot be given', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'deskhand-usage-'));
    const recorder = recorderIn(folder, new Map());
    const happened: string[] = [];
    recorder.end(callOf('first'), outcome);
    recorder.written({ destroy: () => happened.push('broken off') }, () => { throw new TypeError('Invalid character in header content'); });
    recorder.written(nobody, () => happened.push('given'));
    await new Promise((resolve) => setImmediate(resolve));
    expect(happened).toEqual(['broken off', 'given']);
    await recorder.close();
  });

  it('are on disk before an answer that waits for them goes on', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'deskhand-usage-'));
    const recorder = recorderIn(folder, new Map(), () => true);
    const onDisk: boolean[] = [];
    for (const id of ['first', 'second']) {
      recorder.end(callOf(id), outcome);
      recorder.written(nobody, () => onDisk.push(readdirSync(folder).some((name) => readFileSync(join(folder, name), 'utf8').includes(`"${id}"`))));
    }
    expect(onDisk).toEqual([]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(onDisk).toEqual([true, true]);
    recorder.written(nobody, () => onDisk.push(false));
    expect(onDisk).toEqual([true, true, false]);
  });

  it('hold no answer up while the disk takes nothing, and are written once it does', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'deskhand-usage-'));
    const troubles: unknown[] = [];
    const journal = new UsageJournal(join(folder, 'gone'), (error) => troubles.push(error));
    const recorder = new UsageRecorder(async () => { throw new Error('The database is away'); }, new PriceTable(), journal, new Log());
    let answered = false;
    recorder.end(callOf('first'), outcome);
    recorder.written(nobody, () => { answered = true; });
    await new Promise((resolve) => setImmediate(resolve));
    expect([answered, troubles.length]).toEqual([true, 1]);
    mkdirSync(join(folder, 'gone'));
    recorder.end(callOf('second'), outcome);
    await new Promise((resolve) => setImmediate(resolve));
    orphan(join(folder, 'gone'));
    const stored = new Map<string, UsageRow>();
    await recorderIn(join(folder, 'gone'), stored).recover();
    expect([...stored.keys()]).toEqual(['first', 'second']);
  });
});
