import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { openDataFolder } from './data-folder.ts';
import { StartFailure } from './failure.ts';
import { identityOf } from './process-identity.ts';

const made: string[] = [];
const newPath = () => {
  const parent = mkdtempSync(join(tmpdir(), 'data-folder-'));
  made.push(parent);
  return join(parent, 'data');
};

afterEach(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true });
});

describe('openDataFolder', () => {
  it('makes it, and folders in it, for this user alone', () => {
    const data = openDataFolder(newPath());
    expect([data.path, data.folder('logs')].map((path) => statSync(path).mode & 0o777)).toEqual([0o700, 0o700]);
  });

  it('refuses a second product on it and names the first', () => {
    const path = newPath();
    const data = openDataFolder(path);
    expect(() => openDataFolder(path)).toThrow(StartFailure);
    expect(() => openDataFolder(path)).toThrow(new RegExp(`already runs.*${process.pid}.*DESKHAND_DATA`));
    data.unlock();
    expect(() => openDataFolder(path)).not.toThrow();
  });

  it('takes over the lock of a dead process, also when its pid is another process now', () => {
    const path = newPath();
    openDataFolder(path).unlock();
    const lock = join(path, 'supervisor.lock');
    for (const holder of [{ pid: 4_194_303, startedAt: '1' }, { ...identityOf(process.pid), startedAt: '1' }]) {
      writeFileSync(lock, JSON.stringify(holder));
      openDataFolder(path);
      expect(JSON.parse(readFileSync(lock, 'utf8'))).toEqual(identityOf(process.pid));
    }
    writeFileSync(lock, 'torn');
    openDataFolder(path).unlock();
    expect(existsSync(lock)).toBe(false);
  });

  it('names what to do when the disk is full or the folder cannot be made', () => {
    expect(() => openDataFolder(newPath(), () => 12.7)).toThrow(/Only 12 MB are free.*DESKHAND_DATA/);
    const path = newPath();
    writeFileSync(path, 'a file');
    expect(() => openDataFolder(join(path, 'inside'))).toThrow(/cannot be used.*DESKHAND_DATA/);
  });
});
