import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { countReport, oneFailed } from './count.ts';
import type { Count } from './count.ts';

export const root = dirname(dirname(dirname(import.meta.dirname)));

export interface Outcome {
  readonly ok: boolean;
  readonly output: string;
}

/** Runs a program of node_modules/.bin. Its output is kept, or shown as it comes with `show`. Never throws. */
export function tool(name: string, args: readonly string[], { show = false, folder = root, environment = {} }: { show?: boolean; folder?: string; environment?: Record<string, string> } = {}): Promise<Outcome> {
  const program = [join(folder, 'node_modules', '.bin', name), join(root, 'node_modules', '.bin', name)].find(existsSync) ?? name;
  return new Promise((resolve) => {
    let output = '';
    const child = spawn(program, args, { cwd: folder, env: { ...process.env, ...environment }, stdio: ['ignore', show ? 'inherit' : 'pipe', show ? 'inherit' : 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += String(chunk)));
    child.on('error', (error) => resolve({ ok: false, output: error.message }));
    child.on('close', (code) => resolve({ ok: code === 0, output }));
  });
}

/** Runs one check that passes or fails as a whole, and prints a line about it; what it found is printed when it fails. */
export async function check(title: string, work: () => Promise<Outcome>): Promise<Count> {
  const started = Date.now();
  const { ok, output } = await work();
  process.stdout.write(`${ok ? 'passed' : 'FAILED'}  ${title} (${((Date.now() - started) / 1000).toFixed(1)} s)\n`);
  if (!ok) process.stdout.write(`${output.trimEnd()}\n`);
  return ok ? { passed: 1, failed: 0, skipped: 0 } : oneFailed;
}

/** Runs one project of the test runner and counts what it reports. */
export async function project(name: string, filters: readonly string[] = []): Promise<Count> {
  const folder = mkdtempSync(join(tmpdir(), 'deskhand-report-'));
  const file = join(folder, 'report.json');
  try {
    process.stdout.write(`\n${name} tests\n`);
    const args = ['run', '--project', name, '--reporter=default', '--reporter=json', `--outputFile.json=${file}`, ...filters];
    const { ok } = await tool('vitest', args, { show: true, environment: { TESTCONTAINERS_RYUK_DISABLED: 'true', NO_COLOR: '1' } });
    return countReport(existsSync(file) ? readFileSync(file, 'utf8') : null, ok);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
