/** A process that was well for this long starts its next restarts from the shortest delay again. */
export const wellAfterMilliseconds = 10_000;

/** Milliseconds to wait before a restart: 100 after the first death in a row, doubling to 1,000. */
export function restartDelay(deathsInARow: number): number {
  return Math.min(1_000, 100 * 2 ** Math.max(0, deathsInARow - 1));
}
