import type { Duplex } from 'node:stream';
import { ClientMessageReader, type ClientMessage } from './client-messages.ts';

export interface ViewerParts {
  /** Bytes of the viewer, after the greeting. */
  viewer: Duplex;
  /** Its own connection to the screen, after the greeting. */
  screen: Duplex;
  /** Whether what it does now may reach the desktop; asked for every message. */
  mayDrive(): boolean;
  /** Something it did reaches the desktop. */
  drove(message: ClientMessage): void;
  /** Once, when it is over. */
  ended(reason: Error | null): void;
}

/** One viewer: sees the screen as it is, and reaches it only while it may. Each side waits for the other where it is slow. */
export class Viewer {
  #reader = new ClientMessageReader();
  #over = false;

  constructor(private readonly parts: ViewerParts) {
    const { viewer, screen } = parts;
    screen.pipe(viewer);
    viewer.on('data', (chunk: Buffer) => this.#receive(chunk));
    screen.on('drain', () => viewer.resume());
    for (const side of [viewer, screen]) {
      side.on('close', () => this.close(null));
      side.on('error', (error) => this.close(error));
    }
  }

  /** Messages that are ours, not the viewer's: they let go of what it holds. */
  send(messages: readonly Buffer[]): void {
    for (const message of messages) if (!this.#over) this.parts.screen.write(message);
  }

  close(reason: Error | null): void {
    if (this.#over) return;
    this.#over = true;
    this.parts.ended(reason);
    this.parts.viewer.destroy();
    this.parts.screen.destroy();
  }

  #receive(chunk: Buffer): void {
    if (this.#over) return;
    try {
      let room = true;
      for (const message of this.#reader.push(chunk)) room = this.#pass(message) && room;
      if (!room) this.parts.viewer.pause();
    } catch (error) {
      this.close(error as Error);
    }
  }

  #pass(message: ClientMessage): boolean {
    if (message.kind === 'never') return true;
    if (message.kind === 'input') {
      if (!this.parts.mayDrive()) return true;
      this.parts.drove(message);
    }
    return this.parts.screen.write(message.bytes);
  }
}
