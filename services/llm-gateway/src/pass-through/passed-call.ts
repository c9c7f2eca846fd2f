import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { Dispatcher } from 'undici';
import { answerError } from '../http/answers.ts';
import type { RelayLimits } from '../http/relayed-call.ts';
import { failureWords } from '../outgoing/failure-words.ts';
import { bytesWithoutKey } from '../providers/without-key.ts';
import type { CallStatus } from '../usage/model-call.ts';
import { WireError, type Wire } from '../wire/wire-format.ts';
import { headersDown } from './pass-through-headers.ts';
import type { UsageWatcher } from './usage-watcher.ts';

export interface PassedOutcome {
  status: CallStatus;
  httpStatus: number | null;
  firstByteMs: number | null;
  stream: boolean;
  watcher: UsageWatcher | null;
  /** The client took all that came. */
  tookAll: boolean;
}

export interface PassedCallOptions {
  response: ServerResponse;
  /** Whose errors the gateway itself answers with. */
  wire: Pick<Wire, 'errorBody'>;
  limits: RelayLimits;
  callId: string;
  startedMark: number;
  /** The operator's own logins, which a refusal may quote. */
  secrets: readonly string[];
  watch(headers: IncomingHttpHeaders): UsageWatcher | null;
  /** Called once, when the call is over. */
  ended(outcome: PassedOutcome): void;
}

const redirects = new Set([301, 302, 303, 307, 308]);
/** A refusal of somebody who knows a login of the operator is looked through before it is passed on, up to this size. */
const mostRefusal = 256 * 1024;

/** One answer on its way to the client: every byte as it came, when it came, at the speed the client takes them. */
export class PassedCall implements Dispatcher.DispatchHandler {
  private controller: Dispatcher.DispatchController | null = null;
  private watcher: UsageWatcher | null = null;
  private refusal: Buffer[] | null = null;
  private size = 0;
  private status: number | null = null;
  private firstByteMs: number | null = null;
  private stream = false;
  private slow: NodeJS.Timeout | null = null;
  private over = false;

  constructor(private readonly options: PassedCallOptions) {
    options.response.once('close', this.onClose);
  }

  private readonly onClose = (): void => this.clientLeft('The client left', this.slow === null);

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
    if (this.over) controller.abort(new Error('The client left'));
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (status < 200 || this.over) return;
    const { callId, response, secrets, startedMark } = this.options;
    this.firstByteMs = performance.now() - startedMark;
    this.status = status;
    if (redirects.has(status)) return this.fail(new WireError('upstream', `The provider redirects to another address (HTTP ${status}), which is not followed.`), 'failed');
    this.stream = /^text\/event-stream\b/i.test(headers['content-type'] ?? '');
    if (status < 300) this.watcher = this.options.watch(headers);
    if (status >= 400 && secrets.length > 0) {
      if (!/^(identity)?$/i.test(headers['content-encoding'] ?? '')) return this.fail(new WireError('upstream', `The provider refuses (HTTP ${status}), in an encoding that is not read here.`), 'refused');
      this.refusal = [];
    }
    const down = headersDown(headers);
    // What is cut out of it changes its length.
    if (this.refusal !== null) delete down['content-length'];
    response.writeHead(status, { ...down, 'x-litellm-call-id': callId });
    response.flushHeaders();
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.over) return;
    const { limits, response } = this.options;
    this.size += chunk.length;
    if (this.size > limits.streamBytes || (this.refusal !== null && this.size > mostRefusal)) return this.fail(new WireError('upstream', 'The provider\'s answer is too large.'), 'cut');
    if (this.refusal !== null) return void this.refusal.push(chunk);
    if (!response.write(chunk)) this.waitForClient(controller);
    this.watcher?.push(chunk);
  }

  onResponseEnd(): void {
    if (this.over) return;
    const { response, secrets } = this.options;
    const rest = this.refusal === null ? null : secrets.reduce<Buffer>((bytes, secret) => bytesWithoutKey(bytes, secret.replace(/^bearer +/i, '')), Buffer.concat(this.refusal));
    this.finish((this.status ?? 502) < 400 ? 'completed' : 'refused', () => (rest === null ? response.end() : response.end(rest)));
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    if (this.over) return;
    const code = (error as { code?: unknown }).code;
    const late = code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT';
    const known = error instanceof WireError ? error : code === 'UND_ERR_INVALID_ARG' ? new WireError('bad-request', 'This request cannot be passed on.') : new WireError(late ? 'timeout' : 'upstream', failureWords(error, this.options.limits.timeouts));
    this.fail(known, this.firstByteMs === null ? 'failed' : 'cut');
  }

  private waitForClient(controller: Dispatcher.DispatchController): void {
    const { response, limits } = this.options;
    if (this.slow !== null) return;
    controller.pause();
    this.slow = setTimeout(() => { this.clientLeft('The client is too slow', false); response.destroy(); }, limits.slowClientMs);
    response.once('drain', () => {
      if (this.slow !== null) clearTimeout(this.slow);
      this.slow = null;
      if (!this.over) controller.resume();
    });
  }

  private clientLeft(reason: string, tookAll: boolean): void {
    if (this.over) return;
    this.finish('cancelled', () => this.controller?.abort(new Error(reason)), tookAll);
  }

  /** Once bytes are there, only a broken connection can say that not all of them are. */
  private fail(error: WireError, status: CallStatus): void {
    const { response, wire } = this.options;
    this.finish(status, () => {
      this.controller?.abort(error);
      if (response.headersSent) response.destroy();
      else answerError(response, wire, error);
    });
  }

  private finish(status: CallStatus, act: () => void, tookAll = status === 'completed'): void {
    this.over = true;
    this.options.response.off('close', this.onClose);
    if (this.slow !== null) clearTimeout(this.slow);
    act();
    this.options.ended({ status, httpStatus: this.status, firstByteMs: this.firstByteMs, stream: this.stream, watcher: this.watcher, tookAll });
  }
}
