/** How long before its end a token is fetched anew. */
const marginMs = 120_000;

export interface FetchedToken {
  value: string;
  /** Milliseconds since 1970. */
  expiresAt: number;
}

/** A token that is fetched when it is needed, once for all who wait, and again shortly before it ends. */
export class BearerToken {
  private token: FetchedToken | null = null;
  private pending: Promise<string> | null = null;

  constructor(private readonly fetch: () => Promise<FetchedToken>) {}

  /** The token when there is a good one, so that a call need not wait a turn. */
  current(): string | Promise<string> {
    if (this.token !== null && this.token.expiresAt - marginMs > Date.now()) return this.token.value;
    this.pending ??= this.renew().finally(() => { this.pending = null; });
    return this.pending;
  }

  private async renew(): Promise<string> {
    this.token = await this.fetch();
    return this.token.value;
  }
}
