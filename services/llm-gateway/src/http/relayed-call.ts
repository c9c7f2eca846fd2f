import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { Dispatcher } from 'undici';
import { failureWords } from '../outgoing/failure-words.ts';
import type { OutgoingTimeouts } from '../outgoing/outgoing-http.ts';
import type { Upstream } from '../providers/route.ts';
import { bytesWithoutKey } from '../providers/without-key.ts';
import { estimatedInput, type CallOutcome, type CallStatus, type ModelCall } from '../usage/model-call.ts';
import { LineTooLong, StreamSniffer } from '../wire/stream-sniffer.ts';
import { noUsage, type TokenUsage } from '../wire/token-usage.ts';
import { WireError, type Wire } from '../wire/wire-format.ts';
import { answerError } from './answers.ts';
import { clientHeaders } from './pass-headers.ts';

export interface RelayLimits {
  timeouts: OutgoingTimeouts;
  slowClientMs: number;
  /** Largest answer that is not a stream, and largest stream. */
  answerBytes: number;
  streamBytes: number;
}

export interface RelayOptions {
  call: ModelCall;
  wire: Wire;
  upstream: Upstream;
  /** The client did not ask for the usage event that the gateway asked for. */
  stripUsage: boolean;
  response: ServerResponse;
  limits: RelayLimits;
  /** Called once, when the call is over. */
  ended(outcome: CallOutcome): void;
}

/**
 * One call on its way through: the provider's bytes go to the client as they come, at the speed the client takes them.
 * A client that leaves or takes nothing for too long ends the call at the provider at once.
 */
export class RelayedCall implements Dispatcher.DispatchHandler {
  private controller: Dispatcher.DispatchController | null = null;
  private sniffer: StreamSniffer | null = null;
  private readonly parts: Buffer[] = [];
  private size = 0;
  private status: number | null = null;
  private headers: IncomingHttpHeaders = {};
  private firstByteMs: number | null = null;
  private slow: NodeJS.Timeout | null = null;
  private over = false;

  constructor(private readonly options: RelayOptions) {
    options.response.once('close', () => this.clientLeft('The client left'));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
    if (this.over) controller.abort(new Error('The client left'));
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (status < 200) return;
    const { call, wire, response, stripUsage } = this.options;
    this.firstByteMs = performance.now() - call.startedMark;
    this.status = status;
    this.headers = headers;
    if (status >= 300 && status < 400) return this.fail(new WireError('upstream', `The provider redirects to another address (HTTP ${status}), which is not followed.`), 'failed');
    if (status >= 300 || !/^text\/event-stream\b/i.test(headers['content-type'] ?? '')) return;
    this.sniffer = new StreamSniffer(wire, stripUsage);
    response.writeHead(status, clientHeaders(headers, call.id));
    // Alone they would cost a packet; the first event usually comes with them.
    setImmediate(() => { if (this.size === 0 && !this.over) response.flushHeaders(); });
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.over) return;
    this.size += chunk.length;
    const { limits, response } = this.options;
    if (this.size > (this.sniffer ? limits.streamBytes : limits.answerBytes)) return this.fail(new WireError('upstream', 'The provider\'s answer is too large.'), 'cut');
    if (!this.sniffer) return void this.parts.push(chunk);
    try {
      const bytes = this.sniffer.push(chunk);
      if (bytes.length > 0 && !response.write(bytes)) this.waitForClient(controller);
    } catch (error) {
      if (!(error instanceof LineTooLong)) throw error;
      this.fail(new WireError('upstream', 'The provider sent a line that never ends.'), 'cut');
    }
  }

  onResponseEnd(): void {
    if (this.over) return;
    const { response } = this.options;
    if (!this.sniffer) return this.finishAnswer();
    const rest = this.sniffer.end();
    this.finish('completed', () => response.end(rest));
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.over) return;
    const code = (error as { code?: unknown }).code;
    const late = code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT';
    this.fail(new WireError(late ? 'timeout' : 'upstream', failureWords(error, this.options.limits.timeouts)), this.firstByteMs === null ? 'failed' : 'cut');
  }

  /** A whole answer was kept back until here, so that a broken one can still become a clear error. */
  private finishAnswer(): void {
    const { call, response, upstream, wire } = this.options;
    const status = this.status ?? 502;
    const bytes = bytesWithoutKey(this.parts.length === 1 ? (this.parts[0] as Buffer) : Buffer.concat(this.parts), upstream.key);
    const send = (): void => { response.writeHead(status, { ...clientHeaders(this.headers, call.id), 'content-length': bytes.length }).end(bytes); };
    if (status >= 400) return this.finish('refused', send);
    let answer: unknown;
    try {
      answer = JSON.parse(bytes.toString('utf8'));
    } catch {
      return this.fail(new WireError('upstream', 'The provider answered with something that is not JSON. Check the endpoint URL.'), 'cut');
    }
    this.finish('completed', send, wire.answerUsage(answer) ?? undefined);
  }

  private waitForClient(controller: Dispatcher.DispatchController): void {
    const { response, limits } = this.options;
    controller.pause();
    this.slow = setTimeout(() => { this.clientLeft('The client is too slow'); response.destroy(); }, limits.slowClientMs);
    response.once('drain', () => {
      if (this.slow !== null) clearTimeout(this.slow);
      if (!this.over) controller.resume();
    });
  }

  private clientLeft(reason: string): void {
    if (this.over) return;
    this.finish('cancelled', () => this.controller?.abort(new Error(reason)));
  }

  /** Tells the client in the best way that is left, and ends the call at the provider. */
  private fail(error: WireError, status: CallStatus): void {
    const { response, wire } = this.options;
    const sniffer = this.sniffer;
    this.finish(status, () => {
      this.controller?.abort(error);
      if (!response.headersSent) answerError(response, wire, error);
      else if (sniffer?.insideLine) response.destroy();
      else response.end(`\n${wire.errorEvent(error)}`);
    });
  }

  private finish(status: CallStatus, act: () => void, stated?: Partial<TokenUsage>): void {
    this.over = true;
    if (this.slow !== null) clearTimeout(this.slow);
    const { usage, estimated } = this.usage(status, stated);
    this.options.ended({ status, httpStatus: this.status, usage, estimated, firstByteMs: this.firstByteMs });
    act();
  }

  private usage(status: CallStatus, stated: Partial<TokenUsage> | undefined): { usage: TokenUsage; estimated: boolean } {
    if (status === 'failed' || status === 'refused') return { usage: noUsage, estimated: false };
    if (stated) return { usage: { ...noUsage, ...stated }, estimated: false };
    const known = this.sniffer?.usage ?? null;
    if (known && (this.sniffer?.final || status === 'completed')) return { usage: known, estimated: false };
    const answer = this.parts.reduce((sum, part) => sum + part.length, 0);
    const output = Math.max(known?.output ?? 0, this.sniffer?.estimatedOutput() ?? Math.ceil(answer / 4));
    return { usage: { ...noUsage, uncachedInput: estimatedInput(this.options.call.requestBytes), ...known, output }, estimated: true };
  }
}
