import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BlobStore } from '../blobs/blob-store.ts';
import { FolderDriver } from '../blobs/folder-driver.ts';

export interface TestBlobs {
  store: BlobStore;
  /** For a process that opens the same store. */
  environment: { BLOB_STORE: string; BLOB_KEY: string };
  close(): void;
}

/** A blob store in a temporary folder, with a key of its own. */
export function temporaryBlobs(): TestBlobs {
  const folder = mkdtempSync(join(tmpdir(), 'deskhand-blobs-'));
  const key = randomBytes(32).toString('hex');
  return {
    store: new BlobStore(new FolderDriver(folder), key),
    environment: { BLOB_STORE: `file:${folder}`, BLOB_KEY: key },
    close: () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }),
  };
}
