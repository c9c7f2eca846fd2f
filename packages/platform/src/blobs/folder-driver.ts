import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { BlobDriver, StoredBlob } from './blob-driver.ts';

/** Blobs as files, one folder a scope. */
export class FolderDriver implements BlobDriver {
  constructor(private readonly root: string) {}

  async write(folder: string, name: string, bytes: Buffer): Promise<void> {
    const inside = join(this.root, folder);
    await mkdir(inside, { recursive: true, mode: 0o700 });
    const temporary = join(inside, `.${name}.${randomUUID()}`);
    try {
      const file = await open(temporary, 'wx', 0o600);
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, join(inside, name));
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    await syncFolder(inside);
  }

  async read(folder: string, name: string): Promise<Buffer | null> {
    return readFile(join(this.root, folder, name)).catch(nullWhenMissing);
  }

  async list(folder: string): Promise<StoredBlob[]> {
    const names = (await readdir(join(this.root, folder)).catch(nullWhenMissing)) ?? [];
    const found = await Promise.all(names.map(async (name) => {
      const status = await stat(join(this.root, folder, name)).catch(nullWhenMissing);
      return status === null ? null : { name, size: status.size, writtenAt: status.mtimeMs };
    }));
    return found.filter((blob) => blob !== null);
  }

  async remove(folder: string, name: string): Promise<void> {
    await rm(join(this.root, folder, name), { force: true });
  }

  async removeFolder(folder: string): Promise<void> {
    await rm(join(this.root, folder), { recursive: true, force: true });
  }
}

/** A renamed file survives a power cut only when its folder is on disk too. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  await folder.sync().finally(async () => folder.close());
}

function nullWhenMissing(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}
