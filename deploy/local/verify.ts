// `npm run verify`: under a minute when warm.
import { verify } from './testing/checks.ts';
import { closingLine, exitCode } from './testing/count.ts';

const count = await verify();
process.stdout.write(`\n${closingLine(count)}\n`);
process.exit(exitCode(count));
