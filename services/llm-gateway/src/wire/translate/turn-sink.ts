import type { TokenUsage } from '../token-usage.ts';
import type { Proof, Tool } from './model-request.ts';

export type Stop = 'end' | 'tool-calls' | 'length' | 'context-full' | 'refusal' | 'stop-sequence' | 'pause';

export type OpenBlock =
  | { type: 'text' }
  | { type: 'refusal' }
  | { type: 'reasoning' }
  | { type: 'tool-call'; kind: Tool['type']; id: string; name: string; namespace: string | null };

/**
 * What a model says, piece by piece, in no vendor's format. A reader calls it as it reads, for a stream and for a whole
 * answer alike. Blocks are named by keys that the reader chooses; deltas of several may interleave.
 */
export interface TurnSink {
  /** First and once. */
  start(heading: { id: string; model: string; usage: TokenUsage | null }): void;
  open(key: number, block: OpenBlock): void;
  /** Text, or the next piece of a call's input. */
  delta(key: number, text: string): void;
  /** What a reasoning block's vendor wants back with it. */
  prove(key: number, proof: Proof): void;
  /** Nothing more will come for it. */
  close(key: number): void;
  /** The upstream is alive. */
  ping(): void;
  /** Last, with `fail` instead when the upstream broke off. */
  finish(end: { stop: Stop; stopSequence: string | null; usage: TokenUsage | null }): void;
  fail(error: { kind: 'upstream' | 'overloaded' | 'rate-limited' | 'context-window' | 'content-policy'; message: string; code: string | null }): void;
}
