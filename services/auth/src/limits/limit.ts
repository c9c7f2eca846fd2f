/** At most `burst` attempts at once, and one more every `everyMs`. */
export interface Limit {
  name: string;
  burst: number;
  everyMs: number;
}

/** Per account, whether it exists or not, and per address. A success gives its attempt back. */
export const limits = {
  loginByName: { name: 'login-name', burst: 10, everyMs: 20_000 },
  loginByAddress: { name: 'login-address', burst: 60, everyMs: 2_000 },
  registerByName: { name: 'register-name', burst: 10, everyMs: 20_000 },
  registerByAddress: { name: 'register-address', burst: 40, everyMs: 10_000 },
} as const satisfies Record<string, Limit>;

/** How long, in milliseconds, until an attempt is allowed when the counter will be empty at `emptyAt`; 0: now. */
export function waitFor(limit: Limit, emptyAt: number, now: number): number {
  return Math.max(0, Math.max(emptyAt, now) + limit.everyMs - now - limit.burst * limit.everyMs);
}
