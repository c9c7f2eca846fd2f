import { execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

/** A program of `bench/programs` in a process of its own. */
export interface Program extends AsyncDisposable {
  readonly pid: number;
  /** What it said first. */
  readonly hello: unknown;
  /** Sends something and resolves with the next thing that it says. */
  ask<Answer>(order: object): Promise<Answer>;
}

/** Where the measured program runs, and where its upstream and its callers run. */
export const cores = { measured: 0, others: 1 } as const;

const canPin = process.platform === 'linux' && availableParallelism() > 1;
export const onCore = (core: number): string[] => (canPin ? ['taskset', '-c', String(core)] : []);

/** Starts it on one core; with `speaksFirst` resolves once it said something. */
export async function startProgram(name: string, core: number, args: readonly string[], speaksFirst: boolean): Promise<Program> {
  const [command, ...rest] = [...onCore(core), process.execPath, '--disable-warning=ExperimentalWarning', join(import.meta.dirname, '..', 'programs', `${name}.ts`), ...args] as [string, ...string[]];
  const child = spawn(command, rest, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const said = async (): Promise<unknown> => new Promise((resolve, reject) => {
    const ended = (code: number | null): void => reject(new Error(`The program ${name} ended with ${code}`));
    child.once('exit', ended).once('message', (message) => {
      child.off('exit', ended);
      resolve(message);
    });
  });
  const hello = speaksFirst ? await said() : null;
  return {
    pid: child.pid!, hello,
    ask: async <Answer>(order: object) => {
      const answer = said();
      child.send(order);
      return (await answer) as Answer;
    },
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.disconnect();
      await ended;
    },
  };
}

/** Moves a running process, all of its threads, to one core. */
export function pin(pid: number, core: number): void {
  if (canPin) execFileSync('taskset', ['-acp', String(core), String(pid)], { stdio: 'ignore' });
}

/** Seconds of processor time that a process has used, all of its threads. */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Bytes of memory that a process holds now. */
export const residentBytes = (pid: number): number => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) * 1_024;
