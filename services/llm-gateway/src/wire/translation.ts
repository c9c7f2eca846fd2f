import type { ApiFormat, CalledFormat } from './formats.ts';
import { CollectedTurn } from './translate/collected-turn.ts';
import { clientSides, upstreamSides, type Asked, type ClientSide, type UpstreamSide } from './translate/formats.ts';
import { InOrder } from './translate/in-order.ts';
import { readFailure } from './translate/read-failure.ts';
import { StopWords } from './translate/stop-words.ts';
import { ToolNames } from './translate/tool-names.ts';
import { TranslatedStream } from './translate/translated-stream.ts';
import type { TurnSink } from './translate/turn-sink.ts';
import { WrappedTools } from './translate/wrapped-tools.ts';
import { writeFailure } from './translate/write-failure.ts';
import { isRecord } from './token-usage.ts';
import { WireError } from './wire-format.ts';

/**
 * What a provider's model does differently from its format's first vendor. Everything is optional: absent means as that
 * vendor's current models do it.
 */
export interface Dialect {
  /** Where an output limit goes in chat completions (`max_completion_tokens`). */
  maxTokensField?: 'max_tokens' | 'max_completion_tokens';
  /** The role of instructions in chat completions (`system`). */
  developerRole?: boolean;
  /** Takes `stream_options.include_usage` (true). */
  streamUsage?: boolean;
  /** The reasoning efforts it takes, of none, minimal, low, medium, high, xhigh, max; no list: it takes none of them. */
  efforts?: readonly string[];
  /** Wants the `reasoning_content` of earlier answers back. */
  reasoningEcho?: boolean;
  /** Takes temperature, top_p and top_k (true). */
  sampling?: boolean;
  /** Anthropic: how it thinks (`adaptive`). */
  thinking?: 'adaptive' | 'budget' | 'never';
  /** Anthropic: takes schemas for answers, and strict tools (true). */
  schemas?: boolean;
  /** Anthropic: takes `role: "system"` after a user's turn. */
  systemInPlace?: boolean;
  /** Chat completions: reads Anthropic's `cache_control` on texts. */
  cacheControl?: boolean;
  /** Converse: marks what to keep in a prompt cache, in texts only or in tools too; absent: the model has none. */
  cachePoints?: 'texts' | 'all';
  /** Ids of tool calls: nine letters and digits (Mistral), else as the client wrote them. */
  nineLetterCallIds?: boolean;
  /** The output limit to state when a client states none and the format demands one (32,000). */
  outputLimit?: number;
}

/** A stream on its way: upstream's event-stream bytes in, client's out. Chunks may be cut anywhere; an event that is whole is passed on at once. */
export interface StreamTranslation {
  /** Throws `LineTooLong`. */
  push(bytes: Uint8Array): Uint8Array;
  /** What is left when the upstream ended; a stream that ended too early gets an error in the client's format. */
  end(): Uint8Array;
}

/** One call's translation; it knows what the client asked for (names of tools, usage, structured output). */
export interface TranslatedCall {
  /** The body for the upstream. Its model is the client's; the upstream writes its own name over it. */
  body: Record<string, unknown>;
  /** A whole answer in the client's format. Throws `WireError` when the upstream's is not one. */
  answer(body: unknown): Record<string, unknown>;
  stream(): StreamTranslation;
  /** Of a response, the items that the client was given so far. */
  readonly items: readonly Readonly<Record<string, unknown>>[];
}

/** Pure: bodies and bytes in, bodies and bytes out. */
export interface Translation {
  readonly client: ApiFormat;
  readonly upstream: CalledFormat;
  /** Throws `WireError` for a request that is not one, or asks for what the upstream's format cannot say. */
  request(body: Record<string, unknown>): TranslatedCall;
  /** An upstream's refusal in the client's own error envelope. `body` is parsed JSON, or text where it was none. */
  failure(status: number, body: unknown): { status: number; body: Record<string, unknown> };
}

/** Null: the formats are the same, so bytes pass. */
export function translationBetween(client: ApiFormat, upstream: CalledFormat, dialect: Dialect = {}): Translation | null {
  if (client === upstream) return null;
  const [from, to] = [clientSides[client], upstreamSides[upstream]];
  return {
    client, upstream,
    request: (body) => translateCall(from, to, body, dialect),
    failure: (status, body) => writeFailure(client, readFailure(upstream, status, body)),
  };
}

function translateCall(from: ClientSide, to: UpstreamSide, body: Record<string, unknown>, dialect: Dialect): TranslatedCall {
  const request = from.read(body);
  const names = new ToolNames(request.tools);
  let items: Record<string, unknown>[] = [];
  /** Each answer has items of its own. */
  const asked = (): Asked => ({ request, body, created: Math.floor(Date.now() / 1_000), items: (items = []) });
  const stops = request.stop.filter((word) => word !== '' && !to.takesStop(word, dialect));
  const ordered = (sink: TurnSink): TurnSink => {
    const inOrder = new InOrder(new WrappedTools(sink, names));
    return stops.length === 0 ? inOrder : new StopWords(inOrder, stops);
  };
  return {
    body: to.write(request, names, dialect),
    get items() {
      return items;
    },
    answer(answer) {
      const turn = new CollectedTurn();
      if (!isRecord(answer) || !to.say(answer, ordered(turn))) throw new WireError('upstream', 'The provider answered with something that is not an answer of its format. Check the endpoint URL.');
      if (turn.failure) throw new WireError('upstream', turn.failure.message);
      return from.answer(asked(), turn);
    },
    stream: () => new TranslatedStream((emit) => ordered(from.writer(asked(), emit)), (sink) => to.reader(sink)),
  };
}
