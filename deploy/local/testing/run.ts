import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { countReport, oneFailed } from './count.ts';
import type { Count } from './count.ts';

export const root = dirname(dirname(dirname(import.meta.dirname)));

export interface Outcome {
  readonly ok: boolean;
  readonly output: string;
}

export interface ToolOptions {
  /** Shows the output as it comes instead of keeping it. */
  readonly show?: boolean;
  readonly folder?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** After this long the program and all that it started are killed (300). */
  readonly seconds?: number;
}

export interface ProgramOutcome extends Outcome {
  /** Standard output alone. */
  readonly stdout: string;
}

/** Runs a program of node_modules/.bin. Never throws. */
export function tool(name: string, args: readonly string[], options: ToolOptions = {}): Promise<ProgramOutcome> {
  const places = [options.folder ?? root, root].map((folder) => join(folder, 'node_modules', '.bin', name));
  return program(places.find(existsSync) ?? name, args, options);
}

/** Runs a program. Never throws. */
export function program(path: string, args: readonly string[], { show = false, folder = root, environment = {}, seconds = 300 }: ToolOptions = {}): Promise<ProgramOutcome> {
  return new Promise((resolve) => {
    let output = '';
    let stdout = '';
    const stream = show ? 'inherit' : 'pipe';
    const child = spawn(path, args, { cwd: folder, detached: true, env: { ...process.env, ...environment }, stdio: ['ignore', stream, stream] });
    const stop = () => killGroup(child.pid);
    const timer = setTimeout(() => {
      process.stdout.write(`${basename(path)} had no end within ${seconds} s and was killed\n`);
      stop();
    }, seconds * 1000);
    running.add(stop);
    const settle = (ok: boolean) => {
      clearTimeout(timer);
      running.delete(stop);
      resolve({ ok, output, stdout });
    };
    child.stdout?.on('data', (chunk) => (stdout += String(chunk)));
    for (const piped of [child.stdout, child.stderr]) piped?.on('data', (chunk) => (output += String(chunk)));
    child.on('error', (error) => {
      output += error.message;
      settle(false);
    });
    child.on('close', (code) => settle(code === 0));
  });
}

const running = new Set<() => void>();

// Programs lead groups of their own, so an interrupted test run has to end them itself.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    for (const stop of running) stop();
    process.exit(130);
  });
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid) process.kill(-pid, 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}

/** Runs one check that passes or fails as a whole, and prints a line about it; what it found is printed when it fails. */
export async function check(title: string, work: () => Promise<Outcome>): Promise<Count> {
  const started = Date.now();
  const { ok, output } = await work().catch((error: unknown) => ({ ok: false, output: String(error instanceof Error ? error.stack : error) }));
  process.stdout.write(`${ok ? 'passed' : 'FAILED'}  ${title} (${((Date.now() - started) / 1000).toFixed(1)} s)\n`);
  if (!ok) process.stdout.write(`${output.trimEnd()}\n`);
  return ok ? { passed: 1, failed: 0, skipped: 0 } : oneFailed;
}

/** Runs one project of the test runner and counts what it reports. Its output is shown as it comes, or at the end. */
export async function project(name: string, { seconds, show = true }: { seconds: number; show?: boolean }): Promise<Count> {
  const folder = mkdtempSync(join(tmpdir(), 'deskhand-report-'));
  const file = join(folder, 'report.json');
  try {
    if (show) process.stdout.write(`\n${name} tests\n`);
    const args = ['run', '--project', name, '--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
    const { ok, output } = await tool('vitest', args, { show, seconds, environment: { TESTCONTAINERS_RYUK_DISABLED: 'true', NO_COLOR: '1' } });
    if (!show) process.stdout.write(`\n${name} tests\n${output.trim()}\n`);
    return countReport(existsSync(file) ? readFileSync(file, 'utf8') : null, ok);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
