import { rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { Health } from './health.ts';

/** Answers 200 or 503 and the state of each part on a unix socket: for whoever runs the process and looks after it. */
export async function serveHealth(path: string, health: Health): Promise<void> {
  rmSync(path, { force: true });
  const server = createServer((_, response) => {
    void health.inspect().then((parts) => {
      const well = Object.values(parts).every(({ ready }) => ready);
      response.writeHead(well ? 200 : 503, { 'content-type': 'application/json', connection: 'close' }).end(JSON.stringify(parts));
    });
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve));
  server.unref();
}
