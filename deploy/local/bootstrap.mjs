// Entry of every npm script: finds or installs what is missing, saying what it does, then runs the wanted program under
// the pinned Node. Plain JavaScript without dependencies, for any Node from 20 on: nothing is installed yet when it runs.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './bootstrap/checkout.mjs';
import { releaseAll } from './bootstrap/lock.mjs';
import { nodeEnvironment } from './bootstrap/node.mjs';
import { plans, prepare } from './bootstrap/prepare.mjs';
import { readSettingsFile } from './bootstrap/settings-file.mjs';
import { Remedy } from './bootstrap/report.mjs';
import { stopAll } from './bootstrap/run.mjs';

const [command = '', ...given] = process.argv.slice(2);
// npm takes the dashes away; somebody who runs this file directly may not.
const args = given[0] === '--' ? given.slice(1) : given;

for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143], ['SIGHUP', 129]]) process.on(signal, () => interrupted(signal, code));

let program = null;

try {
  if (!Object.hasOwn(plans, command)) {
    throw new Remedy(`There is no command "${command}".`, `use one of: ${Object.keys(plans).join(', ')}.`);
  }
  readSettingsFile();
  const plan = plans[command](args);
  const prepared = await prepare(plan.needs);
  if (plan.say) process.stdout.write(`${plan.say(prepared)}\n`);
  process.exitCode = plan.program ? await execute(prepared, plan.program) : 0;
} catch (error) {
  process.stderr.write(error instanceof Remedy ? `${error.message}\n` : `${error.stack}\n`);
  process.exitCode = 1;
}

// The program's channel closes when this process dies, however it dies, and the program then ends by itself.
function execute({ node, environment }, file) {
  const path = join(root, file);
  if (!existsSync(path)) throw new Remedy(`${file} is missing in this checkout.`);
  program = spawn(node, [path, ...args], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, ...nodeEnvironment(node), ...environment },
  });
  return new Promise((resolve, reject) => {
    program.on('error', reject);
    program.on('exit', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 1)));
  });
}

function interrupted(signal, code) {
  if (program) {
    program.kill(signal);
    return;
  }
  stopAll();
  releaseAll();
  process.exit(code);
}
