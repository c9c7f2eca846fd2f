import type { ApiFormat, UpstreamFormat } from './formats.ts';

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
  /** Takes `reasoning_effort` or `reasoning.effort` (false: not every model does). */
  reasoningEffort?: boolean;
  /** Wants the `reasoning_content` of earlier answers back. */
  reasoningEcho?: boolean;
  /** Takes temperature, top_p and top_k (true). */
  sampling?: boolean;
  /** Anthropic: thinks by `adaptive` (true) or by a token budget. */
  adaptiveThinking?: boolean;
  /** Anthropic: takes `role: "system"` after a user's turn. */
  systemInPlace?: boolean;
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
}

/** Pure: bodies and bytes in, bodies and bytes out. */
export interface Translation {
  readonly client: ApiFormat;
  readonly upstream: UpstreamFormat;
  /** Throws `WireError` for a request that is not one, or asks for what the upstream's format cannot say. */
  request(body: Record<string, unknown>): TranslatedCall;
  /** An upstream's refusal in the client's own error envelope. `body` is parsed JSON, or text where it was none. */
  failure(status: number, body: unknown): { status: number; body: Record<string, unknown> };
}
