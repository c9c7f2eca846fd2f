import type { IncomingHttpHeaders } from 'node:http';
import { errors } from 'undici';
import { AnswerTooLate } from './failure-words.ts';

/** A POST with a body that is all there. */
export interface OutgoingCall {
  path: string;
  headers: Readonly<Record<string, string>>;
  body: Buffer;
  /** Milliseconds from the request to the first byte of its answer's body, between two pieces of it, and for all of it. */
  firstByteMs: number;
  idleMs: number;
  longestMs: number;
}

/** What the one who made a call can do to it. */
export interface ExchangeControl {
  pause(): void;
  resume(): void;
  /** Ends it at the other side. Nothing more is heard of it. */
  abort(): void;
}

/** Hears of one call: its start, and then an answer with its end, or an error at any point. */
export interface ExchangeHandler {
  onRequestStart(control: ExchangeControl): void;
  onResponseStart(control: ExchangeControl, status: number, headers: IncomingHttpHeaders): void;
  /** `chunk` is good until this returns: its memory is used again. */
  onResponseData(control: ExchangeControl, chunk: Buffer): void;
  onResponseEnd(control: ExchangeControl): void;
  onResponseError(control: ExchangeControl, error: Error): void;
}

/** The connection that an exchange is on, as far as the exchange needs it. */
export interface Carrier {
  pause(): void;
  resume(): void;
  /** Of no use any more: its call was given up. */
  destroy(): void;
}

/** One call and its answer. It outlives no error: after the first nothing is heard of it. */
export class Exchange implements ExchangeControl {
  over = false;
  private carrier: Carrier | null = null;
  private paused = false;
  private begun = false;
  /** When the last thing happened that a time-out counts from. */
  private mark: number;
  private readonly lastAt: number;

  /** `requestHead`: whole, with its empty line. */
  constructor(readonly call: OutgoingCall, private readonly handler: ExchangeHandler, readonly requestHead: string) {
    this.mark = performance.now();
    this.lastAt = this.mark + call.longestMs;
    handler.onRequestStart(this);
  }

  /** It is on its way over a connection. */
  carriedBy(carrier: Carrier): void {
    this.carrier = carrier;
    this.mark = performance.now();
    if (this.paused) carrier.pause();
  }

  // What is over carries another call by now, or none.
  pause(): void {
    if (this.over) return;
    this.paused = true;
    this.carrier?.pause();
  }

  resume(): void {
    if (this.over) return;
    this.paused = false;
    this.mark = performance.now();
    this.carrier?.resume();
  }

  abort(): void {
    if (this.over) return;
    this.over = true;
    this.carrier?.destroy();
  }

  head(status: number, headers: IncomingHttpHeaders): void {
    if (this.over) return;
    this.handler.onResponseStart(this, status, headers);
  }

  /** The first of it is the first byte: a head alone says nothing. */
  data(piece: Buffer): void {
    if (this.over) return;
    if (!this.begun) this.mark = performance.now();
    this.begun = true;
    this.handler.onResponseData(this, piece);
  }

  /** Bytes of the answer have come. */
  heard(): void {
    if (this.begun) this.mark = performance.now();
  }

  end(): void {
    if (this.over) return;
    this.over = true;
    try {
      this.handler.onResponseEnd(this);
    } catch (error) {
      // One call's fault ends that call.
      this.handler.onResponseError(this, error as Error);
    }
  }

  fail(error: Error): void {
    if (this.over) return;
    this.over = true;
    this.carrier?.destroy();
    this.handler.onResponseError(this, error);
  }

  /** Ends it when it has had its time. How long a connection takes is not its matter, nor a pause. */
  checkTime(now: number): void {
    const { call, carrier } = this;
    if (now >= this.lastAt) this.fail(this.begun ? new AnswerTooLate(call.longestMs) : new errors.HeadersTimeoutError());
    else if (carrier === null || this.paused) return;
    else if (now - this.mark >= (this.begun ? call.idleMs : call.firstByteMs)) this.fail(this.begun ? new errors.BodyTimeoutError() : new errors.HeadersTimeoutError());
  }
}
