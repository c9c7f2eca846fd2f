import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CallLog } from './call-log.ts';

describe('the log of calls', () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'deskhand-calls-'));
    file = join(folder, 'computer', 'calls');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('gives a call to one boot only, also after a restart', () => {
    const log = new CallLog(file);
    expect([log.admit('a', 'boot 1'), log.admit('a', 'boot 1'), log.admit('a', 'boot 2'), log.admit('b\n"', 'boot 2')]).toEqual([true, true, false, true]);
    const next = new CallLog(file);
    expect([next.admit('a', 'boot 1'), next.admit('a', 'boot 2'), next.admit('b\n"', 'boot 2'), next.admit('b\n"', 'boot 3')]).toEqual([true, false, true, false]);
  });

  it('reads past a line that was cut short', () => {
    new CallLog(file).admit('a', 'boot 1');
    appendFileSync(file, '["boot 1","b');
    expect(new CallLog(file).admit('a', 'boot 2')).toBe(false);
    expect(new CallLog(file).admit('c', 'boot 2')).toBe(true);
    expect(new CallLog(file).admit('a', 'boot 3')).toBe(false);
  });

  it('stays small', () => {
    const log = new CallLog(file);
    for (let index = 0; index < 4_500; index++) log.admit(`call ${index}`, 'boot 1');
    expect(readFileSync(file, 'utf8').split('\n').length).toBeLessThan(4_002);
    expect(new CallLog(file).admit('call 4499', 'boot 2')).toBe(false);
  });
});
