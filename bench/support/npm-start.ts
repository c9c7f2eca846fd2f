import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '@deskhand/platform/free-port';

const root = dirname(dirname(import.meta.dirname));

/** Seconds from typing `npm start` in this checkout to the line that says it is ready. */
export async function warmStart(): Promise<number> {
  return timeStart(root, {});
}

/**
 * Seconds from `npm start` to ready in a fresh clone with an empty cache folder: everything is found or installed again,
 * the image built again in an engine of its own. Packages that the machine has already are not removed.
 */
export async function coldStart(say: (text: string) => void): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'deskhand-cold-'));
  const clone = join(folder, 'clone');
  const cache = join(folder, 'cache');
  execFileSync('git', ['clone', '--quiet', root, clone]);
  try {
    return await timeStart(clone, { XDG_CACHE_HOME: cache, npm_config_cache: join(folder, 'npm'), ENGINE_ISOLATED: '1' }, (line) => say(line));
  } finally {
    await endEngine(join(cache, 'deskhand', 'engine', 'dockerd.pid'));
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** The product leaves its engine running on purpose; this one was only for the measurement. */
async function endEngine(pidFile: string): Promise<void> {
  if (!existsSync(pidFile)) return;
  process.kill(Number(readFileSync(pidFile, 'utf8')), 'SIGTERM');
  for (const limit = Date.now() + 15_000; Date.now() < limit && existsSync(pidFile); await sleep(100));
}

/** What the bootstrap of this benchmark found must not help the start that is measured. */
function withoutFindings(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const findings = ['DOCKER_HOST', 'DOCKER_PROBLEM', 'SANDBOX_IMAGE', 'NATS_SERVER', 'CHROMIUM', 'CA_BUNDLE'];
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !findings.includes(name)));
}

async function timeStart(checkout: string, variables: Record<string, string>, line: (text: string) => void = () => {}): Promise<number> {
  const data = mkdtempSync(join(tmpdir(), 'deskhand-start-'));
  const [web, llm] = [await freePort(), await freePort()];
  const started = performance.now();
  const child = spawn('npm', ['start'], {
    cwd: checkout, detached: true, stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...withoutFindings(process.env), DESKHAND_DATA: data, DESKHAND_PORT: String(web), DESKHAND_LLM_PORT: String(llm), DESKHAND_COMBINED_PORT: 'off', DESKHAND_DESKTOP_PORT: 'off', ...variables },
  });
  let output = '';
  try {
    return await new Promise<number>((resolve, reject) => {
      const read = (chunk: Buffer): void => {
        output += chunk.toString();
        for (const text of chunk.toString().split('\n')) if (text.trim() !== '') line(text.trim());
        // The last lines give the address; it must answer, too.
        if (output.includes(`:${llm}`)) void fetch(`http://127.0.0.1:${web}/health`).then(() => resolve((performance.now() - started) / 1_000), reject);
      };
      child.stdout.on('data', read);
      child.stderr.on('data', read);
      child.once('exit', (code) => reject(new Error(`npm start ended with ${code}:\n${output}`)));
    });
  } finally {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    if (child.exitCode === null) {
      process.kill(-child.pid!, 'SIGINT');
      await ended;
    }
    rmSync(data, { recursive: true, force: true, maxRetries: 3 });
  }
}
