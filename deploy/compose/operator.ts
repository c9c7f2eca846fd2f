// `docker compose run --rm operator COMMAND`: the operator's tool over the NATS of the containers.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { DeclaredError } from '@deskhand/contracts';
import { Log, NatsBus } from '@deskhand/platform';
import { carryOut } from '../local/operator/carry-out.ts';
import { readCommand, usage, UsageError } from '../local/operator/command-line.ts';
import { environmentFile } from './places.ts';

// `doctor` looks at a machine; there is none here.
const usageHere = usage.replace('npm run deskhand --', 'docker compose run --rm operator').replace(/^ {2}doctor.*\n/m, '').replace('Commands other than doctor need', 'They need');

process.exit(await main(process.argv.slice(2)));

async function main(args: readonly string[]): Promise<number> {
  try {
    const command = readCommand(args);
    const { NATS_URL, NATS_NKEY_SEED } = JSON.parse(readFileSync(environmentFile('operator'), 'utf8')) as { NATS_URL: string; NATS_NKEY_SEED: string };
    const bus = await NatsBus.connect({ service: 'operator', url: NATS_URL, seed: NATS_NKEY_SEED, log: new Log() });
    try {
      process.stdout.write(`${await carryOut(command, bus, firstLineOfInput)}\n`);
    } finally {
      await bus.close();
    }
    return 0;
  } catch (error) {
    if (error instanceof UsageError) process.stderr.write(`${error.message}\n\n${usageHere}\n`);
    else if (error instanceof DeclaredError) process.stderr.write(`${error.message}\n`);
    else throw error;
    return 1;
  }
}

async function firstLineOfInput(): Promise<string> {
  for await (const line of createInterface({ input: process.stdin })) return line;
  throw new UsageError('--password-stdin found no line on standard input.');
}
