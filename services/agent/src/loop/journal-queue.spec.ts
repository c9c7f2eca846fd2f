import type { RunEntry } from '@deskhand/contracts';
import { describe, expect, it } from 'vitest';
import { JournalQueue, recordable } from './journal-queue.ts';

const ended = (id: string, output = ''): RunEntry => ({ type: 'tool-call-ended', tool_call_id: id, is_error: false, result: { output } });
const ids = (entries: RunEntry[]) => entries.map((entry) => ('tool_call_id' in entry ? entry.tool_call_id : entry.type));

function queue() {
  const records: { key: string; ids: string[] }[] = [];
  const gates: (() => void)[] = [];
  const failures: Error[] = [];
  const journal = new JournalQueue({
    record: async (key, entries) => {
      records.push({ key, ids: ids(entries) });
      await new Promise<void>((resolve) => gates.push(resolve));
      const failure = failures.shift();
      if (failure !== undefined) throw failure;
      return { steering: [], interrupt: false };
    },
  }, () => {});
  const open = async () => {
    await new Promise((resolve) => setImmediate(resolve));
    gates.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { journal, records, open, failures };
}

describe('writing a journal', () => {
  it('puts what comes together into one record, and what comes meanwhile into the next', async () => {
    const { journal, records, open } = queue();
    const writes = [journal.write('a', [ended('a')]), journal.write('b', [ended('b')])];
    await new Promise((resolve) => setImmediate(resolve));
    writes.push(journal.write('c', [ended('c')]), journal.write('d', [ended('d')]));
    await open();
    await open();
    await Promise.all(writes);
    expect(records).toEqual([{ key: 'a+1', ids: ['a', 'b'] }, { key: 'c+1', ids: ['c', 'd'] }]);
  });

  it('keeps the order, and records within a message\'s size', async () => {
    const { journal, records, open } = queue();
    const writes = ['a', 'b', 'c'].map((id) => journal.write(id, [ended(id, 'x'.repeat(110_000))]));
    await open();
    await open();
    await Promise.all(writes);
    expect(records.map((record) => record.ids)).toEqual([['a', 'b'], ['c']]);
    expect(recordable(['a', 'b', 'c'].map((id) => ended(id, 'x'.repeat(150_000)))).map(ids)).toEqual([['a'], ['b'], ['c']]);
    expect(recordable(Array.from({ length: 130 }, (_, index) => ended(String(index)))).map((part) => part.length)).toEqual([64, 64, 2]);
  });

  it('fails just the writes whose record failed', async () => {
    const { journal, open, failures } = queue();
    failures.push(new Error('no'));
    const first = journal.write('a', [ended('a')]).catch((error: unknown) => error);
    await open();
    expect(await first).toEqual(new Error('no'));
    const second = journal.write('b', [ended('b')]);
    await open();
    await second;
  });
});
