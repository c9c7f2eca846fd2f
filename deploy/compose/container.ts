// What a container of `docker-compose.yml` runs: `init` makes keys and environments, again at each `up`; any other word is
// the service to run.
import { serviceNames } from '@deskhand/contracts';
import { StartFailure } from '../local/supervisor/failure.ts';
import { initialize } from './initialize.ts';
import { serve } from './serve.ts';

const word = process.argv[2] ?? '';

try {
  if (word === 'init') for (const line of initialize(process.env)) process.stdout.write(`${line}\n`);
  else {
    const service = serviceNames.find((name) => name === word);
    if (service === undefined) throw new StartFailure(`There is no service "${word}".`);
    await serve(service);
  }
} catch (error) {
  process.stderr.write(`${error instanceof StartFailure ? error.message : String((error as Error).stack)}\n`);
  process.exit(1);
}
