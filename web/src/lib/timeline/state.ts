import type { ApprovalView, ConversationView, DurableData, Message, OpenBlock, RunUsage, RunView, Snapshot, ToolResult } from '@deskhand/contracts';

/** Everything known of one tool call, gathered from messages, events and the snapshot. */
export interface Call {
  id: string;
  /** Null for an imported message that no run wrote. */
  runId: string | null;
  name: string;
  arguments: Record<string, unknown>;
  /** The model's text where it was not valid JSON. */
  invalidArguments?: string;
  state: 'proposed' | 'waiting' | 'started' | 'ended';
  startedAt?: string;
  result?: ToolResult;
  isError?: boolean;
  interrupted?: boolean;
  decision?: 'allow' | 'always' | 'deny' | 'interrupted';
}

/** A block that still grows, or whose attempt was given up and whose saved part has not come as a message yet. */
export interface LiveBlock extends OpenBlock {
  abandoned: boolean;
}

export type Computer = NonNullable<Snapshot['computer']>;

export type LeaseEnd = NonNullable<DurableData<'desktop-lease-changed'>['reason']>;

/** Who has the desktop's mouse and keyboard. `clientId` is the tab that drives, `askedBy` one that wants to. */
export interface Lease {
  holder: string;
  clientId: string | null;
  epoch: number;
  until: string;
  askedBy: string | null;
}

/** One conversation as far as this tab has read it. Never changed in place: each step of `reduce` makes a new one. */
export interface TimelineState {
  /** The last durable event taken in; 0 before the snapshot. */
  seq: number;
  conversation: ConversationView | null;
  /** Oldest first, ids unique. */
  messages: readonly Message[];
  hasMore: boolean;
  runs: ReadonlyMap<string, RunView>;
  calls: ReadonlyMap<string, Call>;
  /** In the order in which they began. */
  blocks: ReadonlyMap<string, LiveBlock>;
  /** The last attempt of each block that is finished: late deltas of it are dropped. */
  closed: ReadonlyMap<string, number>;
  approvals: ReadonlyMap<string, ApprovalView>;
  computer: Computer | null;
  /** Null while no person drives. */
  lease: Lease | null;
  /** How the last turn at the desktop ended, and whose it was; null while one goes on and before the first. */
  leaseEnd: { clientId: string | null; reason: LeaseEnd } | null;
  /** What runs used, by run. */
  usage: ReadonlyMap<string, RunUsage>;
  /** What the whole conversation used; null before its first model call. */
  used: NonNullable<Snapshot['usage']> | null;
  deleted: boolean;
}

export const emptyTimeline: TimelineState = {
  seq: 0,
  conversation: null,
  messages: [],
  hasMore: false,
  runs: new Map(),
  calls: new Map(),
  blocks: new Map(),
  closed: new Map(),
  approvals: new Map(),
  computer: null,
  lease: null,
  leaseEnd: null,
  usage: new Map(),
  used: null,
  deleted: false,
};

/** A copy of a map with one entry set, in its old place if it had one. */
export function withEntry<Key, Value>(map: ReadonlyMap<Key, Value>, key: Key, value: Value): Map<Key, Value> {
  return new Map(map).set(key, value);
}

export function without<Key, Value>(map: ReadonlyMap<Key, Value>, drop: (key: Key, value: Value) => boolean): ReadonlyMap<Key, Value> {
  const kept = [...map].filter(([key, value]) => !drop(key, value));
  return kept.length === map.size ? map : new Map(kept);
}
