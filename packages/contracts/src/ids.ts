let written = { now: -1, time: '' };

/** A UUIDv7: 48 bits of Unix milliseconds, then random bits, so ids made later sort later. */
export function newId(now: number = Date.now()): string {
  // Node keeps random UUIDs in store; only the time and the version have to be put into one, and many are made in a millisecond.
  if (written.now !== now) {
    const time = Math.floor(now).toString(16).padStart(12, '0');
    written = { now, time: `${time.slice(0, 8)}-${time.slice(8)}-7` };
  }
  return written.time + globalThis.crypto.randomUUID().slice(15);
}
