import { DeclaredError } from '@deskhand/contracts';
import { chown, chmod, mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Engine } from '../containers/engine.ts';

/** Ids in the image: the tools, and the group they share with the desktop. */
const toolUser = 1000;
const toolGroup = 1000;

export interface WorkspaceFolders {
  workspace: string;
  home: string;
}

/**
 * Plain folders on the host, one per computer: `<root>/<computer>/workspace` and `home`. Owned by the tools' user of the
 * image; where this process may not give files away, a helper container that runs once as root does.
 */
export class Workspaces {
  constructor(
    private readonly root: string,
    private readonly installationId: string,
    private readonly engine: Engine,
    private readonly image: () => string,
  ) {}

  folder(computerId: string): string {
    if (!/^[A-Za-z0-9_-]+$/.test(computerId)) throw new DeclaredError('BAD_INPUT', 'This is not the id of a computer');
    return join(this.root, computerId);
  }

  folders(computerId: string): WorkspaceFolders {
    const folder = this.folder(computerId);
    return { workspace: join(folder, 'workspace'), home: join(folder, 'home') };
  }

  /** Whether the files of a computer are on this host. */
  async has(computerId: string): Promise<boolean> {
    return (await stat(this.folder(computerId)).catch(() => null)) !== null;
  }

  /** Makes what is missing; what is there stays as it is. */
  async prepare(computerId: string): Promise<WorkspaceFolders> {
    const folders = this.folders(computerId);
    try {
      for (const path of Object.values(folders)) await this.#prepareFolder(path);
    } catch (error) {
      if (error instanceof DeclaredError) throw error;
      const { code, message } = error as NodeJS.ErrnoException;
      const remedy = code === 'ENOSPC' ? 'the disk is full; free some space' : code === 'EACCES' ? 'this user may not write there' : message;
      throw new DeclaredError('UNAVAILABLE', `The workspace of the computer could not be made: ${remedy}.`, undefined, { cause: error });
    }
    return folders;
  }

  /** Deletes everything of a computer. Links in it are removed, never followed. */
  async remove(computerId: string): Promise<void> {
    const folder = this.folder(computerId);
    try {
      await rm(folder, { recursive: true, force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error;
      await this.engine.asRoot(this.image(), this.installationId, folder, ['find', '/target', '-xdev', '-mindepth', '1', '-delete']);
      await rm(folder, { recursive: true, force: true });
    }
  }

  async #prepareFolder(path: string): Promise<void> {
    await mkdir(path, { recursive: true, mode: 0o755 });
    const { uid, gid } = await stat(path);
    if (uid === toolUser && gid === toolGroup) return;
    try {
      await chown(path, toolUser, toolGroup);
      await chmod(path, 0o2775);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error;
      const script = `chown ${toolUser}:${toolGroup} /target && chmod 2775 /target`;
      await this.engine.asRoot(this.image(), this.installationId, path, ['/bin/sh', '-c', script]);
    }
  }
}
