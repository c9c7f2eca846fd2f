import { linkSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { mayExceed, overLimit } from './disk-watch.service.ts';
import { measureDisk } from './measure.ts';

const limits = { diskBytes: 1_000_000, inodes: 100 };

describe('the disk of a computer', () => {
  it('is measured without following links or counting a file twice', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'deskhand-disk-'));
    try {
      writeFileSync(join(folder, 'one'), Buffer.alloc(100_000, 1));
      linkSync(join(folder, 'one'), join(folder, 'again'));
      symlinkSync('/usr', join(folder, 'link'));
      const use = await measureDisk([folder]);
      expect(use?.inodes).toBe(3);
      expect(use?.bytes).toBeGreaterThanOrEqual(100_000);
      expect(use?.bytes).toBeLessThan(150_000);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    expect(await measureDisk([join(folder, 'gone')])).toBeNull();
  });

  it('is full with too many bytes or too many files', () => {
    expect(overLimit({ bytes: 1_000_000, inodes: 100 }, limits)).toBeNull();
    expect(overLimit({ bytes: 1_000_001, inodes: 1 }, limits)).toContain('GB');
    expect(overLimit({ bytes: 1, inodes: 101 }, limits)).toContain('101 files');
  });

  it('is measured again only when the host has filled enough for it to matter', () => {
    const last = { bytes: 500_000, inodes: 10, free: { bytes: 9_000_000, inodes: 1_000 } };
    expect(mayExceed(last, { bytes: 8_900_000, inodes: 1_000 }, limits)).toBe(false);
    expect(mayExceed(last, { bytes: 8_500_000, inodes: 1_000 }, limits)).toBe(true);
    expect(mayExceed(last, { bytes: 9_500_000, inodes: 900 }, limits)).toBe(true);
  });
});
