import type { Socket } from 'node:net';
import type { RawData, WebSocket } from 'ws';
import type { Caller } from '../identity/caller.ts';
import type { OpenStream, StreamEnd } from '../streams/open-streams.ts';

/** Bytes that wait for a slow viewer before its computer is told to wait too. */
const highWater = 512 * 1024;

/** One viewer of a desktop: bytes between its WebSocket and its computer, at the speed of the slower side. */
export class ViewerSocket implements OpenStream {
  private isAlive = true;
  private over = false;

  constructor(private readonly webSocket: WebSocket, private readonly computer: Socket, readonly caller: Caller) {
    webSocket.on('message', (data, isBinary) => this.fromViewer(data, isBinary));
    webSocket.on('pong', () => { this.isAlive = true; });
    webSocket.on('close', () => this.end());
    webSocket.on('error', () => webSocket.terminate());
    computer.on('data', (chunk: Buffer) => this.fromComputer(chunk));
    computer.on('close', () => this.end(1_011, 'The connection to the computer ended'));
    computer.on('error', () => computer.destroy());
    computer.resume();
  }

  beat(): void {
    // One that is behind cannot answer yet; what it costs meanwhile is bounded.
    if (this.computer.isPaused() && this.webSocket.bufferedAmount > 0 && this.isAlive) {
      this.isAlive = false;
      return;
    }
    if (!this.isAlive) return this.webSocket.terminate();
    this.isAlive = false;
    this.webSocket.ping();
  }

  close(reason: StreamEnd): void {
    if (reason === 'revoked') this.end(4_401, 'The session has ended');
    else this.end(1_012, 'The server is restarting');
  }

  private fromViewer(data: RawData, isBinary: boolean): void {
    this.isAlive = true;
    if (!isBinary) return this.end(1_003, 'Binary frames only');
    if (this.computer.write(data as Buffer)) return;
    this.webSocket.pause();
    this.computer.once('drain', () => this.webSocket.resume());
  }

  private fromComputer(chunk: Buffer): void {
    this.webSocket.send(chunk, { binary: true }, () => {
      if (this.webSocket.bufferedAmount <= highWater / 2) this.computer.resume();
    });
    if (this.webSocket.bufferedAmount > highWater) this.computer.pause();
  }

  private end(code = 1_000, words = ''): void {
    if (this.over) return;
    this.over = true;
    this.computer.destroy();
    this.webSocket.close(code, words);
    setTimeout(() => this.webSocket.terminate(), 2_000).unref();
  }
}
