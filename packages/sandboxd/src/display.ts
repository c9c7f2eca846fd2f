import { connect } from 'node:net';
import type { Channel } from './channel.ts';

/** Joins a channel of the display stream to a new connection to the screen. Each side waits for the other's reader. */
export function joinScreen(path: string, channel: Channel): void {
  const socket = connect(path);
  socket.on('error', (error) => channel.reset(`The screen of this computer is not there: ${error.message}`));
  socket.on('close', () => channel.end());
  void (async () => {
    for await (const chunk of socket as AsyncIterable<Buffer>) await channel.write(chunk);
  })().catch(() => socket.destroy());
  void (async () => {
    for await (const chunk of channel) {
      if (!socket.write(chunk)) await new Promise<void>((resolve) => socket.once('drain', resolve).once('close', resolve));
    }
  })().catch(() => undefined).finally(() => socket.destroy());
}
