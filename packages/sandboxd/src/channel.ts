import { channelWindow, dataLimit, encodeFrame, encodeJson, frameTypes } from './frames.ts';

type Send = (frame: Buffer) => void;

/**
 * Bytes both ways on one channel of a link. A writer waits for the reader's credit, so neither side ever holds more
 * than one window of a channel, whatever the other side does.
 */
export class Channel {
  #send: Send;
  #credit = channelWindow;
  #creditWaiters: (() => void)[] = [];
  #received: Buffer[] = [];
  #receivedEnd = false;
  #sentEnd = false;
  #failure: Error | null = null;
  #readWaiter: (() => void) | null = null;
  #unpaid = 0;

  constructor(readonly id: number, send: Send, private readonly forget: () => void) {
    this.#send = send;
  }

  /** Resolves when all bytes are handed to the stream. */
  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.byteLength; ) {
      while (this.#credit === 0 && this.#failure === null) await new Promise<void>((resolve) => this.#creditWaiters.push(resolve));
      if (this.#failure) throw this.#failure;
      const size = Math.min(dataLimit, this.#credit, bytes.byteLength - at);
      this.#credit -= size;
      this.#send(encodeFrame(frameTypes.data, this.id, bytes.subarray(at, at + size)));
      at += size;
    }
  }

  end(): void {
    if (this.#sentEnd || this.#failure) return;
    this.#sentEnd = true;
    this.#send(encodeFrame(frameTypes.end, this.id));
    if (this.#receivedEnd) this.forget();
  }

  reset(message: string): void {
    if (this.#failure) return;
    this.#send(encodeJson(frameTypes.reset, this.id, { message }));
    this.fail(new Error(message));
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    for (;;) {
      const chunk = this.#received.shift();
      if (chunk) {
        this.#pay(chunk.length);
        yield chunk;
      } else if (this.#failure) throw this.#failure;
      else if (this.#receivedEnd) return;
      else await new Promise<void>((resolve) => (this.#readWaiter = resolve));
    }
  }

  /** From the link: a frame of this channel arrived. */
  receive(type: number, payload: Buffer): void {
    if (type === frameTypes.credit) {
      this.#credit += payload.readUInt32BE(0);
      for (const wake of this.#creditWaiters.splice(0)) wake();
    } else if (type === frameTypes.data) {
      const waiting = this.#received.reduce((sum, chunk) => sum + chunk.length, payload.length);
      if (waiting > channelWindow) this.reset('More was sent than there was credit for');
      else this.#received.push(Buffer.from(payload));
    } else if (type === frameTypes.end) {
      this.#receivedEnd = true;
      if (this.#sentEnd) this.forget();
    }
    this.#wakeReader();
  }

  /** From the link: the channel is over, for the reason given. */
  fail(reason: Error): void {
    this.#failure ??= reason;
    this.forget();
    for (const wake of this.#creditWaiters.splice(0)) wake();
    this.#wakeReader();
  }

  #pay(bytes: number): void {
    this.#unpaid += bytes;
    if (this.#unpaid < channelWindow / 4 || this.#failure) return;
    const credit = Buffer.alloc(4);
    credit.writeUInt32BE(this.#unpaid);
    this.#unpaid = 0;
    this.#send(encodeFrame(frameTypes.credit, this.id, credit));
  }

  #wakeReader(): void {
    this.#readWaiter?.();
    this.#readWaiter = null;
  }
}
