import type { Prices } from '../configuration/gateway-file.ts';
import type { UsageRow } from '../database/entities.ts';
import type { KeyPayers } from '../keys/virtual-keys.ts';
import type { RouteName } from '../providers/route.ts';
import type { ApiFormat } from '../wire/formats.ts';
import type { TokenUsage } from '../wire/token-usage.ts';

/** completed · cached: an answer that was given before · refused: an error status · failed: no answer · cut: the provider broke off · cancelled: the client left. */
export type CallStatus = 'completed' | 'cached' | 'refused' | 'failed' | 'cut' | 'cancelled';

/** Whether a client got what it asked for. */
export const wentWell = (status: string): boolean => status === 'completed' || status === 'cached';

/** Where the journal keeps a call; nobody else looks into it. */
export interface JournalPlace {
  isStored: boolean;
}

/** A call that began. */
export interface ModelCall {
  id: string;
  /** Unix milliseconds, and the same moment of the monotonic clock. */
  startedAt: number;
  startedMark: number;
  /** A run's, or a test of a person's own provider, which is no run; null for the master key's calls. */
  run: { userId: string; conversationId: string | null; runId: string | null } | null;
  /** The virtual key it came with. */
  key?: KeyPayers | null;
  route: RouteName;
  /** The format the client speaks. */
  wire: ApiFormat | 'openai-embeddings';
  stream: boolean;
  /** The configured model's name that was asked for; absent where none was. */
  group?: string | null;
  /** Which program called, where it is known. */
  agent?: string | null;
  /** The model behind a name that no price list knows. */
  baseModel?: string | null;
  /** Size of the request, which stands for its input where nothing else says it. */
  requestBytes: number;
  /** Base URL of the provider; null for built-in models. */
  baseUrl: string | null;
  officialPrices: boolean;
  /** Prices that were configured for it; null: from the list. */
  prices?: Prices | null;
  /** US dollars that were set aside for it. */
  reserved?: number;
  /** Tokens of output that it is held to, because it is under a budget and states no limit. */
  outputLimit?: number | null;
  journaled?: JournalPlace;
}

/** What became of it. */
export interface CallOutcome {
  status: CallStatus;
  httpStatus: number | null;
  usage: TokenUsage;
  estimated: boolean;
  firstByteMs: number | null;
}

/** A call that is over, with what its price depends on. */
export interface EndedCall {
  row: UsageRow;
  baseUrl: string | null;
  officialPrices: boolean;
  prices?: Prices | null;
  baseModel?: string | null;
  /** The row has its cost already. */
  priced?: boolean;
  /** US dollars that it costs at least: nobody knows what a lost call used, so it costs all that was set aside. */
  least?: number;
  journaled?: JournalPlace;
}

export const estimatedInput = (requestBytes: number): number => Math.ceil(requestBytes / 4);
