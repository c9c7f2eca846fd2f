import { spawn } from 'node:child_process';
import { dirname } from 'node:path';

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a coding agent without a terminal, with nothing of this machine's user in its environment but the way to Node. */
export async function runClient([program, ...first]: readonly [string, ...string[]], args: readonly string[], options: { folder: string; home: string; variables?: Readonly<Record<string, string>>; withinMs?: number }): Promise<Ended> {
  const { folder, home, variables = {}, withinMs = 120_000 } = options;
  const env = { PATH: `${dirname(process.execPath)}:${process.env.PATH}`, HOME: home, LANG: 'C.UTF-8', TERM: 'dumb', NO_COLOR: '1', CI: '1', ...variables };
  const child = spawn(program, [...first, ...args], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk) => (stdout = (stdout + String(chunk)).slice(-400_000)));
  child.stderr.on('data', (chunk) => (stderr = (stderr + String(chunk)).slice(-100_000)));
  const late = setTimeout(() => process.kill(-child.pid!, 'SIGKILL'), withinMs);
  const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
  clearTimeout(late);
  return { code, stdout, stderr };
}
