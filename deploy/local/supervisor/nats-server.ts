import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProcessPlan } from './managed-process.ts';

// nats-server cannot watch whoever started it, so a shell of one megabyte does. A line on its input stops the server at
// once; an input that just closes means that the supervisor died, and the services get a moment to drain over NATS first.
// When the server ends by itself the shell ends with its code.
const guard = `
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
{ read -r _ <&3 || sleep 0.6; kill -TERM $server; } 2>/dev/null &
watcher=$!
wait $server
code=$?
kill $watcher 2>/dev/null
exit $code`;

/** The private nats-server with this configuration file. */
export function natsServerPlan(program: string, configFile: string, port: number): ProcessPlan {
  return {
    name: 'nats-server',
    program: '/bin/sh',
    args: ['-c', guard, 'nats-server-guard', program, '--config', configFile],
    environment: () => ({ PATH: process.env.PATH ?? '' }),
    control: 'stdin',
    probe: () => answering(port),
  };
}

/** Resolves when a NATS server greets on this loopback port; rejects after 30 s. */
async function answering(port: number): Promise<void> {
  for (const limit = Date.now() + 30_000; Date.now() < limit; await sleep(20)) {
    if (await greets(port)) return;
  }
  throw new Error(`No NATS server answers on port ${port}`);
}

function greets(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: 1_000 });
    const settle = (value: boolean) => {
      socket.destroy();
      resolve(value);
    };
    socket.once('data', (chunk) => settle(chunk.toString().startsWith('INFO ')));
    socket.once('error', () => settle(false));
    socket.once('timeout', () => settle(false));
  });
}
