import type { CallResponse } from './call-exchange.ts';

/** Less than this is not counted: the number of connections bounds it. */
export const uncountedBytes = 16 * 1024;

/**
 * What all calls together may keep in memory of bodies and of whole answers. Each has a limit of its own; many large ones at once
 * would take all there is.
 */
export class MemoryRoom {
  private taken = 0;
  private readonly byCall = new WeakMap<CallResponse, number>();

  constructor(private readonly most: number) {}

  /** Bytes that are kept now. */
  get bytes(): number {
    return this.taken;
  }

  /** Keeps so many bytes more for a call until it is over. False when there is no room for them, or the call is over. */
  grow(response: CallResponse, bytes: number): boolean {
    if (this.taken + bytes > this.most || response.closed) return false;
    const own = this.byCall.get(response);
    if (own === undefined) response.once('close', () => { this.taken -= this.byCall.get(response) ?? 0; });
    this.byCall.set(response, (own ?? 0) + bytes);
    this.taken += bytes;
    return true;
  }
}
