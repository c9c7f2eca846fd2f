import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Log, NatsBus } from '@deskhand/platform';
import type { Bus } from '@deskhand/platform';
import { StartFailure } from '../supervisor/failure.ts';

/** Connects to the product that runs on this data folder, as its operator. Throws a StartFailure when none runs. */
export async function connectToProduct(dataFolder: string): Promise<Bus & { close: () => Promise<void> }> {
  const state = readJson<{ supervisor: number; nats: string }>(join(dataFolder, 'run', 'state.json'));
  if (!state || !runs(state.supervisor)) throw new StartFailure(`Deskhand does not run on the data folder ${dataFolder}. Start it with npm start, or set DESKHAND_DATA to the folder of the one you mean.`);
  const seeds = readJson<{ operator?: string }>(join(dataFolder, 'nats', 'keys.json'));
  return NatsBus.connect({ service: 'operator', url: state.nats, seed: seeds?.operator, log: new Log() });
}

function readJson<Content>(file: string): Content | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Content;
  } catch {
    return null;
  }
}

function runs(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
