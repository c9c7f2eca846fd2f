import type { Image, ReasoningBlock, TextBlock, ToolCallBlock } from '@deskhand/contracts';

/** A message as models see it, whatever the wire format. */
export type ModelMessage =
  | { role: 'user'; text: string }
  | { role: 'assistant'; blocks: readonly (TextBlock | ReasoningBlock | ToolCallBlock)[] }
  | { role: 'tool'; results: readonly ModelToolResult[] };

export interface ModelToolResult {
  tool_call_id: string;
  text: string;
  is_error: boolean;
  images?: readonly Image[];
}

/** A tool as models see it. */
export interface ToolDescription {
  name: string;
  description: string;
  /** JSON schema of an object. */
  parameters: Record<string, unknown>;
}

export interface ModelRequest {
  system: string;
  messages: readonly ModelMessage[];
  tools: readonly ToolDescription[];
  /** Of every picture in `messages`: its bytes in base64, by blob. */
  pictures?: ReadonlyMap<string, string>;
}

/**
 * What arrives from a model, in order. `index` is the place of a block in the answer: blocks may grow side by side,
 * a place holds one kind of block only. A stream that stops without `end` was cut.
 */
export type ModelEvent =
  | { type: 'text'; index: number; text: string }
  | { type: 'reasoning'; index: number; text: string }
  /** The provider's own data of a reasoning block, to be returned to it unchanged. */
  | { type: 'reasoning-opaque'; index: number; opaque: unknown }
  | { type: 'tool-call'; index: number; name: string }
  | { type: 'tool-arguments'; index: number; text: string }
  | { type: 'end'; reason: 'stop' | 'tool-calls' | 'length' | 'refused' };

/**
 * Why a model call failed, in the upstream's words.
 * unreachable: no connection, nothing was asked · busy: refused for now · cut: broke off · refused: asking again changes nothing ·
 * budget: there is no money left for it.
 */
export class ModelError extends Error {
  override readonly name = 'ModelError';
  constructor(
    readonly kind: 'unreachable' | 'busy' | 'cut' | 'refused' | 'budget',
    message: string,
    /** Milliseconds the upstream asked to wait. */
    readonly retryAfterMs?: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** One model, ready to be asked. */
export interface Model {
  /** As messages name it. */
  readonly label: string;
  /** Tokens; null when not known. */
  readonly contextWindow: number | null;
  /** False when it is known to take no pictures. */
  readonly sees: boolean;
  /** One answer. Throws `ModelError`, and nothing else of its own. Ends early when `signal` aborts. */
  stream(request: ModelRequest, signal: AbortSignal): AsyncIterable<ModelEvent>;
}

export interface Models {
  /** The run's model. `again`: what the last answer led to did not work, so ask anew. Throws `ModelError`. */
  resolve(again: boolean): Promise<Model>;
}
