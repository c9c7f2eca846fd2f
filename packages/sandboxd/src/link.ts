import type { Duplex } from 'node:stream';
import { Channel } from './channel.ts';
import { encodeFrame, encodeJson, type Frame, FrameReader, frameTypes } from './frames.ts';
import { ProtocolError } from './protocol.ts';

export interface LinkHandlers {
  /** What it resolves to is the answer; a `ProtocolError` crosses with its code. */
  request?(verb: string, body: unknown): Promise<unknown>;
  event?(body: unknown): void;
  hello?(body: unknown): void;
  open?(body: unknown, channel: Channel): void;
  /** Once, when the stream is over for whatever reason. */
  closed?(reason: Error): void;
}

const heartbeatMs = 1_000;
const silentBeats = 5;

/**
 * One long stream between a manager and a daemon: requests, events and channels side by side. Closes itself when the
 * other side was silent for five beats of its own clock; a beat that a pause made long counts once.
 */
export class Link {
  #reader = new FrameReader();
  #nextChannel: number;
  #requests = new Map<number, { resolve: (answer: unknown) => void; reject: (error: Error) => void }>();
  #channels = new Map<number, Channel>();
  #silent = 0;
  #suspended = false;
  #closed: Error | null = null;
  #beat: NodeJS.Timeout;

  constructor(private readonly stream: Duplex, side: 'dialler' | 'daemon', private readonly handlers: LinkHandlers) {
    this.#nextChannel = side === 'dialler' ? 1 : 2;
    stream.on('data', (chunk: Buffer) => this.#receive(chunk));
    stream.on('error', (error) => this.close(error));
    stream.on('end', () => this.close(new Error('The stream ended')));
    stream.on('close', () => this.close(new Error('The stream was closed')));
    this.#beat = setInterval(() => this.#onBeat(), heartbeatMs);
  }

  get closed(): boolean {
    return this.#closed !== null;
  }

  hello(body: unknown): void {
    this.#send(encodeJson(frameTypes.hello, 0, body));
  }

  event(body: unknown): void {
    this.#send(encodeJson(frameTypes.event, 0, body));
  }

  /** Rejects with a `ProtocolError` of the other side, or with the reason for which the stream ended. */
  request(verb: string, body: unknown): Promise<unknown> {
    if (this.#closed) return Promise.reject(this.#closed);
    const id = this.#takeId();
    return new Promise((resolve, reject) => {
      this.#requests.set(id, { resolve, reject });
      this.#send(encodeJson(frameTypes.request, id, { verb, body }));
    });
  }

  open(body: unknown): Channel {
    const id = this.#takeId();
    this.#send(encodeJson(frameTypes.open, id, body));
    return this.#addChannel(id);
  }

  /** While a computer is paused nobody answers: silence does not count. */
  suspend(suspended: boolean): void {
    this.#suspended = suspended;
    this.#silent = 0;
  }

  close(reason: Error): void {
    if (this.#closed) return;
    this.#closed = reason;
    clearInterval(this.#beat);
    this.stream.destroy();
    for (const request of this.#requests.values()) request.reject(reason);
    this.#requests.clear();
    for (const channel of [...this.#channels.values()]) channel.fail(reason);
    this.handlers.closed?.(reason);
  }

  #takeId(): number {
    const id = this.#nextChannel;
    this.#nextChannel = id + 2 > 0x7fffffff ? (id % 2) + 2 : id + 2;
    return id;
  }

  #send(frame: Buffer): void {
    if (!this.#closed) this.stream.write(frame);
  }

  #onBeat(): void {
    if (this.#suspended) return;
    this.#send(encodeFrame(frameTypes.heartbeat, 0));
    if (++this.#silent > silentBeats) this.close(new Error('The other side has been silent for five seconds'));
  }

  #receive(chunk: Buffer): void {
    this.#silent = 0;
    try {
      for (const frame of this.#reader.push(chunk)) this.#dispatch(frame);
    } catch (error) {
      this.close(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #dispatch({ type, channel, payload }: Frame): void {
    if (type === frameTypes.heartbeat) return;
    if (type === frameTypes.hello) return this.handlers.hello?.(json(payload));
    if (type === frameTypes.event) return this.handlers.event?.(json(payload));
    if (type === frameTypes.request) return void this.#serve(channel, json(payload) as { verb: string; body: unknown });
    if (type === frameTypes.open) return this.#opened(channel, json(payload));
    if (type === frameTypes.reset) return this.#channels.get(channel)?.fail(new Error((json(payload) as { message: string }).message));
    if (type !== frameTypes.answer && type !== frameTypes.failure) return this.#channels.get(channel)?.receive(type, payload);
    const request = this.#requests.get(channel);
    this.#requests.delete(channel);
    if (type === frameTypes.answer) return request?.resolve(json(payload));
    const { code, message } = json(payload) as { code: ProtocolError['code']; message: string };
    request?.reject(new ProtocolError(code, message));
  }

  async #serve(id: number, { verb, body }: { verb: string; body: unknown }): Promise<void> {
    try {
      if (!this.handlers.request) throw new ProtocolError('BAD_INPUT', 'This stream takes no requests');
      this.#send(encodeJson(frameTypes.answer, id, await this.handlers.request(verb, body)));
    } catch (error) {
      const code = error instanceof ProtocolError ? error.code : 'INTERNAL';
      this.#send(encodeJson(frameTypes.failure, id, { code, message: error instanceof Error ? error.message : String(error) }));
    }
  }

  #opened(id: number, body: unknown): void {
    const channel = this.#addChannel(id);
    if (this.handlers.open) this.handlers.open(body, channel);
    else channel.reset('Nothing is served on this stream yet');
  }

  #addChannel(id: number): Channel {
    const channel = new Channel(id, (frame) => this.#send(frame), () => this.#channels.delete(id));
    this.#channels.set(id, channel);
    return channel;
  }
}

const json = (payload: Buffer): unknown => JSON.parse(payload.toString('utf8'));
