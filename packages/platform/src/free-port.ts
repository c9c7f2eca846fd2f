import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** Below what Linux, macOS and Windows hand out for outgoing connections: none of these takes the port before whoever asked listens on it, or while that is being restarted. */
const [lowest, highest] = [10_000, 32_000];
const triesAtMost = 100;

/** A loopback port that nothing listens on at the moment. Chosen by chance, so that programs that choose at the same time choose differently. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < triesAtMost; tries++) {
    const port = randomInt(lowest, highest);
    if (await isFree(port)) return port;
  }
  throw new Error(`No free port between ${lowest} and ${highest} was found in ${triesAtMost} tries`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
