import { randomBytes } from 'node:crypto';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { Injectable } from '@nestjs/common';
import { DeclaredError } from '@deskhand/contracts';
import { Lifecycle, Log } from '@deskhand/platform';
import { GatewaySettings } from '../settings.ts';

const tokenLength = 64;
/** How long somebody who connects may take to say what for. */
const helloMs = 5_000;
const arrivalMs = 15_000;

/** A connection that a manager was asked to make. */
export interface Expected {
  readonly host: string;
  readonly port: number;
  /** Said first, once, by whoever dials for it. */
  readonly token: string;
  /** Rejects with `UNAVAILABLE` when nobody came in time. */
  readonly arrived: Promise<Socket>;
  cancel(): void;
}

/**
 * Where the managers of computers bring bytes that are too many for NATS: they dial, so their hosts need no open port. A
 * connection that does not begin with a token that is waited for is closed.
 */
@Injectable()
export class DataPlane {
  private readonly waiting = new Map<string, (socket: Socket) => void>();
  private readonly server: Server = createServer((socket) => this.greet(socket));

  constructor(private readonly settings: GatewaySettings, lifecycle: Lifecycle, private readonly log: Log) {
    lifecycle.onDrain(60, async () => void this.server.close());
  }

  /** Resolves when managers can connect. */
  async listen(): Promise<void> {
    const { host, port } = this.settings.dataPlane;
    await new Promise<void>((resolve, reject) => this.server.once('error', reject).listen(port, host, resolve));
    this.server.on('error', (error) => this.log.error('The data plane has a problem', { error }));
  }

  expect(): Expected {
    const token = randomBytes(tokenLength / 2).toString('hex');
    const { address } = this.settings.dataPlane;
    let cancel!: () => void;
    const arrived = new Promise<Socket>((resolve, reject) => {
      const timer = setTimeout(() => cancel(), arrivalMs);
      cancel = () => {
        clearTimeout(timer);
        this.waiting.delete(token);
        reject(new DeclaredError('UNAVAILABLE', 'The computer could not be reached'));
      };
      this.waiting.set(token, (socket) => {
        clearTimeout(timer);
        this.waiting.delete(token);
        resolve(socket);
      });
    });
    arrived.catch(() => {});
    return { host: address, port: (this.server.address() as AddressInfo).port, token, arrived, cancel };
  }

  private greet(socket: Socket): void {
    socket.setNoDelay(true);
    const timer = setTimeout(() => socket.destroy(), helloMs);
    let said = Buffer.alloc(0);
    const read = (chunk: Buffer): void => {
      said = Buffer.concat([said, chunk]);
      if (said.length < tokenLength) return;
      clearTimeout(timer);
      socket.off('data', read).pause();
      const taken = this.waiting.get(said.toString('latin1', 0, tokenLength));
      if (taken === undefined) return void socket.destroy();
      if (said.length > tokenLength) socket.unshift(said.subarray(tokenLength));
      taken(socket);
    };
    socket.on('data', read).on('error', () => socket.destroy()).on('close', () => clearTimeout(timer));
  }
}
