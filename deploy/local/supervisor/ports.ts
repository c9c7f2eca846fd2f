import { createServer } from 'node:net';
import { StartFailure } from './failure.ts';

export interface Listener {
  readonly title: string;
  readonly host: string;
  readonly port: number;
  /** The variable that moves it. */
  readonly variable: string;
}

/** Throws a StartFailure that names every port that cannot be listened on, with the variable that moves it. */
export async function ensurePortsFree(listeners: readonly Listener[]): Promise<void> {
  const problems: string[] = [];
  for (const listener of listeners) {
    const failure = await tryListen(listener);
    if (failure) problems.push(explain(listener, failure));
  }
  if (problems.length > 0) throw new StartFailure(problems.join('\n'));
}

function explain({ title, host, port, variable }: Listener, failure: string): string {
  if (failure === 'EADDRINUSE') return `Port ${port} of the ${title} is taken by another program on ${host}. Set ${variable} to a free port. Example: ${variable}=${port + 1}`;
  if (failure === 'EACCES') return `Port ${port} of the ${title} needs more rights than this user has. Set ${variable} to a port above 1023. Example: ${variable}=${port < 1024 ? port + 8000 : port + 1}`;
  return `The ${title} cannot listen on ${host} port ${port} (${failure}). Set DESKHAND_HOST to an address of this machine. Example: DESKHAND_HOST=127.0.0.1`;
}

function tryListen({ host, port }: Pick<Listener, 'host' | 'port'>): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)));
  });
}
