import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'deskhand', 'model-clients');

/** Coding agents as people install them, at the versions these tests were written with. */
const npmPackages = { claude: '@anthropic-ai/claude-code@2.1.329', codex: '@openai/codex@0.169.0', opencode: 'opencode-ai@1.18.33' } as const;
const aiderPackage = 'aider-chat==0.86.2';

export type ModelClient = keyof typeof npmPackages | 'aider';

/** The command of a coding agent, installed into the machine's cache folder on first use (350 to 700 MB each), never into the checkout. */
export async function installedClient(name: ModelClient): Promise<readonly [string, ...string[]]> {
  const version = (name === 'aider' ? aiderPackage : npmPackages[name]).split(/@|==/).at(-1);
  const folder = join(cache, `${name}-${version}`);
  if (!existsSync(folder)) {
    // Made beside its place, so that a broken or second installation leaves nothing half done there.
    const fresh = `${folder}.${process.pid}`;
    mkdirSync(dirname(folder), { recursive: true });
    try {
      await (name === 'aider' ? installAider(fresh) : run('npm', ['install', '--prefix', fresh, '--no-audit', '--no-fund', '--no-save', npmPackages[name]], { maxBuffer: 16e6 }));
      if (!existsSync(folder)) renameSync(fresh, folder);
    } finally {
      rmSync(fresh, { recursive: true, force: true, maxRetries: 3 });
    }
  }
  return name === 'aider' ? [join(folder, 'bin', 'python'), '-m', 'aider'] : [join(folder, 'node_modules', '.bin', name)];
}

async function installAider(folder: string): Promise<void> {
  await run('python3', ['-m', 'venv', folder]);
  await run(join(folder, 'bin', 'python'), ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', aiderPackage], { maxBuffer: 16e6 });
}
