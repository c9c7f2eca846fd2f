import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { freePort } from '../src/testing/index.ts';

export interface S3Server {
  endpoint: string;
  accessKey: string;
  secretKey: string;
  bucket: string;
  /** Where the server keeps its objects as files. */
  folder: string;
  close(): Promise<void>;
}

/** A versitygw of one's own on a free port, with one bucket: an S3 server that checks every signature. */
export async function startS3(): Promise<S3Server> {
  const folder = mkdtempSync(join(tmpdir(), 'deskhand-s3-'));
  const bucket = 'deskhand-blobs';
  mkdirSync(join(folder, 'objects', bucket), { recursive: true });
  mkdirSync(join(folder, 'sidecar'));
  const port = await freePort();
  const [accessKey, secretKey] = ['test-access', 'test-secret-key'];
  const server = spawn(program(), ['--quiet', '--port', `127.0.0.1:${port}`, 'posix', '--sidecar', join(folder, 'sidecar'), join(folder, 'objects')], {
    env: { PATH: process.env.PATH, HOME: folder, ROOT_ACCESS_KEY: accessKey, ROOT_SECRET_KEY: secretKey }, stdio: 'ignore', cwd: folder,
  });
  const endpoint = `http://127.0.0.1:${port}`;
  for (let attempt = 0; ; attempt++) {
    const answered = await fetch(endpoint).then(() => true, () => false);
    if (answered) break;
    if (attempt > 300 || server.exitCode !== null) throw new Error('versitygw did not start');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    endpoint, accessKey, secretKey, bucket, folder: join(folder, 'objects'),
    close: async () => {
      const ended = new Promise((resolve) => server.once('exit', resolve));
      server.kill('SIGKILL');
      if (server.exitCode === null && server.signalCode === null) await ended;
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

/** As the bootstrap leaves it: on the PATH or in the cache folder. */
function program(): string {
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'deskhand', 'versitygw', 'v1.8.0', 'versitygw');
  const found = [cache, ...(process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'versitygw'))].find((file) => existsSync(file));
  if (found === undefined) throw new Error('No S3 server was found; `npm test` builds one (versitygw)');
  return found;
}
