// `npm run deskhand -- COMMAND`: the operator's tool for a running product (`doctor` is a program of its own).
import { createInterface } from 'node:readline';
import { dirname, join } from 'node:path';
import { DeclaredError } from '@deskhand/contracts';
import { carryOut } from './operator/carry-out.ts';
import { readCommand, usage, UsageError } from './operator/command-line.ts';
import { connectToProduct } from './operator/running-product.ts';
import { StartFailure } from './supervisor/failure.ts';
import { readSettings, readSettingsFile } from './supervisor/settings.ts';

process.exit(await main(process.argv.slice(2)));

async function main(args: readonly string[]): Promise<number> {
  try {
    const command = readCommand(args);
    const { settings, problems } = readSettings(process.env, readSettingsFile(join(dirname(import.meta.dirname), '.env')));
    if (problems.length > 0) throw new StartFailure(problems.join('\n'));
    const bus = await connectToProduct(settings.DESKHAND_DATA);
    try {
      process.stdout.write(`${await carryOut(command, bus, firstLineOfInput)}\n`);
    } finally {
      await bus.close();
    }
    return 0;
  } catch (error) {
    if (error instanceof UsageError) process.stderr.write(`${error.message}\n\n${usage}\n`);
    else if (error instanceof StartFailure || error instanceof DeclaredError) process.stderr.write(`${error.message}\n`);
    else throw error;
    return 1;
  }
}

async function firstLineOfInput(): Promise<string> {
  for await (const line of createInterface({ input: process.stdin })) return line;
  throw new UsageError('--password-stdin found no line on standard input.');
}
