/** A limit that all instances keep together. */
export interface Limit {
  /** `key:…:rpm`, `deployment:…:parallel` */
  id: string;
  /** `minute`: what is taken is gone until the minute is over. `slots`: what is taken comes back. */
  kind: 'minute' | 'slots';
  most: number;
}

/** What an instance asks of the limits that all share. */
export interface LimitLeases {
  /**
   * Leases `owed`, which is in use already, whatever is left; and, if there are `least` more, those and up to `wanted`.
   * `endsInMs`: how long all that this instance holds of it is its own; `lease` names that while.
   */
  lease(limit: Limit, owed: number, least: number, wanted: number): Promise<{ granted: number; endsInMs: number; lease: number }>;
  /** What is not needed of a lease is there for the others. */
  giveBack(limit: Limit, lease: number, amount: number): Promise<void>;
  /** Keeps the slots of these limits for another while. `kept`: those that had not run out before. */
  renew(ids: readonly string[]): Promise<{ endsInMs: number; kept: ReadonlySet<string> }>;
}

/** The other instances, as far as limits are concerned. */
export interface LimitPeers {
  /** How many are known to be there. */
  readonly count: number;
  /** Asks all of them to give back what they hold of a limit and do not use. Resolves with what came back, soon. */
  recall(limitId: string): Promise<number>;
}
