import type { DrivenSummary } from '@deskhand/contracts';
import { clipboardActions, type ClientMessage, messageTypes } from './client-messages.ts';

const scrollButtons = 0b1111000;
const clickButtons = 0b0000111;

/** One person's turn at a desktop: how much was done (never what), and what is still held down. */
export class Driving {
  #clicks = 0;
  #keys = 0;
  #scrolls = 0;
  #pasted = 0;
  #buttons = 0;
  #pointer: { x: number; y: number } | null = null;
  /** Key messages that would let go of what is held, by key. */
  #held = new Map<string, Buffer>();
  readonly #beganAt: number;
  lastInputAt: number;

  constructor(readonly epoch: number, private readonly now: () => number = Date.now) {
    this.#beganAt = this.lastInputAt = now();
  }

  get summary(): DrivenSummary {
    return { clicks: this.#clicks, keys: this.#keys, scrolls: this.#scrolls, pasted: this.#pasted, seconds: Math.round((this.now() - this.#beganAt) / 1_000) };
  }

  /** Where the person left the pointer; null when it was not moved. */
  get pointer(): Readonly<{ x: number; y: number }> | null {
    return this.#pointer;
  }

  /** Something the person did, on its way to the desktop. */
  note({ type, bytes }: ClientMessage): void {
    this.lastInputAt = this.now();
    if (type === messageTypes.pointer) {
      const buttons = bytes[1]!;
      const pressed = buttons & ~this.#buttons;
      if (pressed & clickButtons) this.#clicks++;
      if (pressed & scrollButtons) this.#scrolls++;
      this.#buttons = buttons;
      this.#pointer = { x: bytes.readUInt16BE(2), y: bytes.readUInt16BE(4) };
    } else if (type === messageTypes.key) this.#key(bytes, 1, `key ${bytes.readUInt32BE(4)}`);
    else if (type === messageTypes.qemu) this.#key(bytes, 3, `code ${bytes.readUInt32BE(8)}`);
    else if (bytes.readInt32BE(4) >= 0 || (bytes.readUInt32BE(8) & clipboardActions.provide) !== 0) this.#pasted++;
  }

  /** Messages that let go of everything that is still held; after them nothing is. */
  release(): Buffer[] {
    const messages = [...this.#held.values()];
    if (this.#buttons !== 0 && this.#pointer) {
      const pointer = Buffer.from([messageTypes.pointer, 0, 0, 0, 0, 0]);
      pointer.writeUInt16BE(this.#pointer.x, 2);
      pointer.writeUInt16BE(this.#pointer.y, 4);
      messages.push(pointer);
    }
    this.#held.clear();
    this.#buttons = 0;
    return messages;
  }

  #key(bytes: Buffer, downAt: number, name: string): void {
    if (bytes[downAt] === 0) return void this.#held.delete(name);
    this.#keys++;
    const up = Buffer.from(bytes);
    up[downAt] = 0;
    this.#held.set(name, up);
  }
}
