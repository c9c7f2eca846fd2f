import type { IncomingHttpHeaders } from 'node:http';
import type { ExchangeControl, ExchangeHandler } from '../outgoing/exchange.ts';
import { failureWords } from '../outgoing/failure-words.ts';
import type { OutgoingTimeouts } from '../outgoing/outgoing-http.ts';
import { bytesWithoutKey, headersWithoutKeys } from '../providers/without-key.ts';
import type { AttemptFailure } from '../routing/failure.ts';
import type { StreamDecoder } from '../upstreams/upstream.ts';
import { estimatedInput, type CallOutcome, type CallStatus, type ModelCall } from '../usage/model-call.ts';
import { usageAtTheEnd } from '../wire/answer-end.ts';
import type { UpstreamFormat } from '../wire/formats.ts';
import { failureInAnswer } from '../wire/stream-failure.ts';
import { LineTooLong } from '../wire/stream-sniffer.ts';
import { noUsage, type TokenUsage } from '../wire/token-usage.ts';
import type { TranslatedCall, Translation } from '../wire/translation.ts';
import { readFailure } from '../wire/translate/read-failure.ts';
import { usageReaders } from '../wire/usage-readers.ts';
import { WireError, type Wire } from '../wire/wire-format.ts';
import { answerError } from './answers.ts';
import type { CallResponse } from './call-exchange.ts';
import { uncountedBytes, type MemoryRoom } from './memory-room.ts';
import { clientHeaders } from './pass-headers.ts';
import { retryAfter } from './retry-after.ts';
import { StreamPassage } from './stream-passage.ts';

export interface RelayLimits {
  timeouts: OutgoingTimeouts;
  slowClientMs: number;
  /** Largest answer that is not a stream, and largest stream. */
  answerBytes: number;
  streamBytes: number;
  /** What all calls together keep. */
  room: MemoryRoom;
}

/** Where the bytes come from, as far as passing them on depends on it. */
export interface RelayTarget {
  wire: UpstreamFormat;
  /** What an answer may never show. */
  secrets: readonly string[];
  /** For a stream that is no event stream, told by its content type. */
  decoder(contentType: string): StreamDecoder | null;
}

export interface RelayOptions {
  call: ModelCall;
  /** The client's format. */
  wire: Wire;
  target: RelayTarget;
  /** Between the client's format and the provider's; null where they are the same. */
  translation: Translation | null;
  translated: TranslatedCall | null;
  /** The client did not ask for the usage event that the gateway asked for. */
  stripUsage: boolean;
  response: CallResponse;
  limits: RelayLimits;
  /** Tokens of output that the call may have at most, as far as it says: what a provider did not say is estimated at no more. */
  mostOutput(): number;
  /** Headers of our own for the client. */
  headers(upstreamMs: number): Record<string, string>;
  /** Asked while the client has nothing yet: true when somebody else answers, then nothing more is heard of this. */
  retry(failure: AttemptFailure): boolean;
  /** Called once, when the call is over. */
  ended(outcome: CallOutcome): void;
  /** Runs it once what `ended` was told is on disk. */
  written(act: () => void): void;
}

const nothing = new Uint8Array(0);
const compressed = /gzip|deflate|compress|br|zstd/i;
/** What a model writes while nobody sees any of it. */
const unseenTokensPerMs = 0.05;
/** Bytes of an answer that is worth being text. */
const mostAsText = 64 * 1024;

/**
 * One call on its way through: the provider's bytes go to the client as they come, at the speed the client takes them.
 * A client that leaves or takes nothing for too long ends the call at the provider at once.
 */
export class RelayedCall implements ExchangeHandler {
  private control: ExchangeControl | null = null;
  /** Of an answer that is a stream. */
  private stream: StreamPassage | null = null;
  /** Of an answer that is no stream, all; of a stream, what came in this turn of the event loop. */
  private parts: Buffer[] = [];
  private size = 0;
  private status: number | null = null;
  private headers: IncomingHttpHeaders = {};
  private firstByteMs: number | null = null;
  /** What a whole answer says was used, of one that cannot be given on, too. */
  private stated: Partial<TokenUsage> | undefined;
  private slow: NodeJS.Timeout | null = null;
  private over = false;
  private readonly sentMark = performance.now();

  constructor(private readonly options: RelayOptions) {
    options.response.on('close', this.onClose);
  }

  private readonly onClose = (): void => this.clientLeft(this.slow === null);

  onRequestStart(control: ExchangeControl): void {
    this.control = control;
    if (this.over) control.abort();
  }

  onResponseStart(_: ExchangeControl, status: number, headers: IncomingHttpHeaders): void {
    const { call, stripUsage, target, translated } = this.options;
    this.firstByteMs = performance.now() - call.startedMark;
    this.status = status;
    this.headers = headersWithoutKeys(headers, target.secrets);
    if (status >= 300 && status < 400) return this.fail(new WireError('upstream', `The provider redirects to another address (HTTP ${status}), which is not followed.`), 'failed');
    // Nobody could look for keys and usage in it, nor translate it.
    const coding = compressed.exec(headers['content-encoding'] ?? '')?.[0];
    if (coding !== undefined) return this.fail(new WireError('upstream', `The provider compresses its answer (${coding}), which it was asked not to do.`), status < 300 ? 'cut' : 'refused');
    const type = headers['content-type'] ?? '';
    if (status >= 300) return;
    const decoder = target.decoder(type);
    if (decoder === null && !/^text\/event-stream\b/i.test(type)) return;
    this.firstByteMs = null;
    this.stream = new StreamPassage({ format: target.wire, secrets: target.secrets, decoder, translation: translated?.stream() ?? null, stripUsage });
    if (decoder !== null) this.headers = { ...this.headers, 'content-type': 'text/event-stream' };
  }

  onResponseData(_: ExchangeControl, chunk: Buffer): void {
    if (this.over) return;
    this.size += chunk.length;
    const { call, limits } = this.options;
    this.firstByteMs ??= performance.now() - call.startedMark;
    if (this.size > (this.stream ? limits.streamBytes : limits.answerBytes)) return this.fail(new WireError('upstream', 'The provider\'s answer is too large.'), 'cut');
    if (!this.stream && this.size > uncountedBytes && !limits.room.grow(this.options.response, chunk.length)) return this.fail(new WireError('unavailable', 'There are too many large answers at the moment. Try again in a few seconds.', null, 'too_busy'), 'cut');
    this.parts.push(Buffer.from(chunk));
    // One read of the socket may hold many small chunks: together they are one write.
    if (this.stream && this.parts.length === 1) process.nextTick(this.passParts);
  }

  private readonly passParts = (): void => {
    if (this.over || this.parts.length === 0) return;
    const bytes = this.takeParts();
    if (bytes === null || this.isElsewhere() || bytes.length === 0) return;
    if (!this.toClient().write(bytes)) this.waitForClient();
  };

  /** What the client gets for the chunks that came since; null when the call is over because of them. */
  private takeParts(): Uint8Array | null {
    const chunk = this.parts.length === 1 ? this.parts[0]! : Buffer.concat(this.parts);
    this.parts = [];
    return this.guarded(() => this.stream!.push(chunk));
  }

  /** A stream may begin with a failure: then somebody else may do better, for the client has nothing yet. */
  private isElsewhere(): boolean {
    const failure = this.stream!.takeFirstFailure();
    if (failure === null || !this.givenUp({ kind: failure.kind, byWords: failure.byWords, retryAfterMs: null })) return false;
    this.control?.abort();
    return true;
  }

  /** A stream's head goes out together with its first event. */
  private toClient(): CallResponse {
    const { call, response } = this.options;
    if (!response.headersSent) response.writeHead(this.status ?? 200, clientHeaders(this.headers, call.id, this.ownHeaders({})));
    return response;
  }

  private guarded(next: () => Uint8Array): Uint8Array | null {
    try {
      return next();
    } catch (error) {
      const words = error instanceof LineTooLong ? 'The provider sent a line that never ends.' : failureWords(error, this.options.limits.timeouts);
      this.fail(error instanceof WireError ? error : new WireError('upstream', words), 'cut');
      return null;
    }
  }

  onResponseEnd(): void {
    if (this.over) return;
    const { stream } = this;
    if (stream === null) return this.finishAnswer();
    const before = this.parts.length === 0 ? nothing : this.takeParts();
    if (before === null || this.isElsewhere()) return;
    const last = this.guarded(() => stream.end());
    if (last === null || this.isElsewhere()) return;
    if (this.firstByteMs === null) return this.fail(new WireError('upstream', 'The provider ended its stream before it began.'), 'failed');
    this.finish(stream.outcome, () => this.toClient().end(before.length === 0 ? last : Buffer.concat([before, last])));
  }

  onResponseError(_: ExchangeControl, error: Error): void {
    if (this.stream) this.passParts();
    if (this.over) return;
    const code = (error as { code?: unknown }).code;
    const late = code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT';
    this.fail(new WireError(late ? 'timeout' : 'upstream', failureWords(error, this.options.limits.timeouts)), this.firstByteMs === null ? 'failed' : 'cut');
  }

  /** What the gateway says beside the provider. */
  private ownHeaders(more: Record<string, string | number>, upstreamMs = performance.now() - this.sentMark): Record<string, string | number> {
    const own: Record<string, string | number> = Object.assign(this.options.headers(upstreamMs), more);
    // Libraries look for the number of a request under their vendor's name, and the answering vendor is another one.
    if (this.options.translated !== null) own[this.options.wire.format === 'anthropic-messages' ? 'request-id' : 'x-request-id'] = this.options.call.id;
    return own;
  }

  /** A whole answer was kept back until here, so that a broken one can still become a clear error. */
  private finishAnswer(): void {
    const { call, response, target, translation, translated } = this.options;
    const status = this.status ?? 502;
    const upstreamMs = performance.now() - this.sentMark;
    let read = this.parts.length === 1 ? this.parts[0]! : Buffer.concat(this.parts);
    for (const secret of target.secrets) read = bytesWithoutKey(read, secret);
    const send = (code: number, body: Buffer | string, size: number, type: Record<string, string> = {}) => (): void => {
      // Where every byte is a character, the cheapest way to write them says the same.
      response.writeHead(code, clientHeaders(this.headers, call.id, this.ownHeaders({ ...type, 'content-length': size }, upstreamMs))).end(body, body.length === size ? 'latin1' : 'utf8');
    };
    const sendJson = (code: number, body: object) => {
      const text = JSON.stringify(body);
      return send(code, text, Buffer.byteLength(text), { 'content-type': 'application/json' });
    };
    const text = read.toString('utf8');
    // Text goes out in one piece with its head, bytes do not; what is no UTF-8 passes as it is.
    const same = read.length <= mostAsText && !text.includes('\ufffd') ? text : read;
    const answer = (status < 400 && translated === null ? usageAtTheEnd(text) : undefined) ?? parse(text);
    const refusal = status >= 400 ? readFailure(target.wire, status, answer ?? text) : failureInAnswer(target.wire, answer);
    if (refusal !== null) {
      if (this.givenUp({ kind: refusal.kind, byWords: refusal.byWords, retryAfterMs: retryAfter(this.headers['retry-after']) })) return;
      const failure = translation?.failure(refusal.status, answer ?? text);
      return this.finish('refused', failure ? sendJson(failure.status, failure.body) : send(refusal.status, same, read.length));
    }
    if (answer === undefined) return this.fail(new WireError('upstream', 'The provider answered with something that is not JSON. Check the endpoint URL.'), 'cut');
    this.stated = usageReaders[target.wire].answerUsage(answer) ?? undefined;
    if (!translated) return this.finish('completed', send(status, same, read.length));
    let sending: () => void;
    try {
      sending = sendJson(200, translated.answer(answer));
    } catch (error) {
      return this.fail(error instanceof WireError ? error : new WireError('upstream', 'The provider answered with something that cannot be translated.'), 'cut');
    }
    this.finish('completed', sending);
  }

  private waitForClient(): void {
    if (this.slow !== null) return;
    const { response, limits } = this.options;
    this.control?.pause();
    this.slow = setTimeout(() => { this.clientLeft(false); response.destroy(); }, limits.slowClientMs);
    response.once('drain', () => {
      if (this.slow !== null) clearTimeout(this.slow);
      this.slow = null;
      if (!this.over) this.control?.resume();
    });
  }

  private clientLeft(tookAll: boolean): void {
    if (this.over) return;
    // What came last was produced, too.
    if (this.stream && this.parts.length > 0) this.takeParts();
    if (this.over) return;
    this.finish(tookAll && this.stream?.sniffer.complete === true ? 'completed' : 'cancelled', () => this.control?.abort());
  }

  /** Whether somebody else goes on with the call; then this one is over without a word. */
  private givenUp(failure: AttemptFailure): boolean {
    const { response } = this.options;
    if (response.headersSent || response.destroyed) return false;
    this.over = true;
    response.off('close', this.onClose);
    if (this.options.retry(failure)) return true;
    this.over = false;
    response.on('close', this.onClose);
    return false;
  }

  /** Tells the client in the best way that is left, and ends the call at the provider. */
  private fail(error: WireError, status: CallStatus): void {
    const { call, response, wire } = this.options;
    const kind = error.kind === 'timeout' ? 'timeout' : this.status === null ? 'unreachable' : 'internal';
    if (this.givenUp({ kind, retryAfterMs: null })) return this.control?.abort();
    this.finish(status, () => {
      this.control?.abort();
      if (!response.headersSent) answerError(response, wire, error, { 'x-litellm-call-id': call.id, ...this.options.headers(performance.now() - this.sentMark) });
      else if (this.stream?.isInsideLine === true) response.destroy();
      else response.end(`\n${wire.errorEvent(error)}`);
    });
  }

  private finish(status: CallStatus, act: () => void): void {
    this.over = true;
    this.options.response.off('close', this.onClose);
    if (this.slow !== null) clearTimeout(this.slow);
    const { usage, estimated } = this.usage(status);
    this.options.ended({ status, httpStatus: this.status, usage, estimated, firstByteMs: this.firstByteMs });
    // The row is on disk before the answer is over; a provider whose client left is told at once.
    if (status === 'cancelled') act();
    else this.options.written(act);
  }

  private usage(status: CallStatus): { usage: TokenUsage; estimated: boolean } {
    if (status === 'failed' || status === 'refused') return { usage: noUsage, estimated: false };
    if (this.stated) return { usage: { ...noUsage, ...this.stated }, estimated: false };
    const sniffer = this.stream?.sniffer;
    const known = sniffer?.usage ?? null;
    if (known && (sniffer?.final || status === 'completed')) return { usage: known, estimated: false };
    const answer = this.parts.reduce((sum, part) => sum + part.length, 0);
    // Models that reason do so before a stream's first byte.
    const unseen = status === 'cancelled' && (!this.options.call.stream || this.size === 0) ? Math.ceil((performance.now() - this.sentMark) * unseenTokensPerMs) : 0;
    const estimate = Math.max(sniffer?.estimatedOutput() ?? Math.ceil(answer / 4), unseen);
    const output = Math.max(known?.output ?? 0, Math.min(estimate, this.options.mostOutput()));
    return { usage: { ...noUsage, uncachedInput: estimatedInput(this.options.call.requestBytes), ...known, output }, estimated: true };
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
