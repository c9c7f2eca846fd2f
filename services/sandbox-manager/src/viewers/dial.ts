import { connect, type Socket } from 'node:net';
import { DeclaredError } from '@deskhand/contracts';

const connectMs = 5_000;

/** Connects to the data plane of a gateway and says which connection this is. `UNAVAILABLE` when it cannot be reached. */
export function dial(host: string, port: number, token: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true });
    const fail = (reason: string): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(new DeclaredError('UNAVAILABLE', `The gateway cannot be reached from the computer's host: ${reason}`));
    };
    const timer = setTimeout(() => fail('no answer'), connectMs);
    socket.once('error', (error) => fail(error.message));
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.removeAllListeners('error').on('error', () => socket.destroy());
      socket.write(token, 'latin1');
      resolve(socket);
    });
  });
}
