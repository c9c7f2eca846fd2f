import type { Socket } from 'node:net';

/** As large as what the system reads at once. */
const buffer = Buffer.allocUnsafeSlow(64 * 1024);

/**
 * Options for sockets that all read into one buffer: Node makes a new one of 64 KB for each read otherwise, which costs more than to
 * copy a few hundred bytes. What a `data` event brings is good until its listeners return; who keeps it makes a copy.
 */
export const sharedBuffer = {
  onread: {
    buffer,
    callback(this: Socket, bytes: number): boolean {
      this.emit('data', buffer.subarray(0, bytes));
      return true;
    },
  },
};
