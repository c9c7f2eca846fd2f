let ahead = 0;

/** Notes what the server's clock said in an answer. Its seconds are whole, so only a difference worth the name counts. */
export function hearClock(date: string | null): void {
  const difference = date === null ? Number.NaN : Date.parse(date) + 500 - Date.now();
  if (!Number.isNaN(difference)) ahead = Math.abs(difference) > 2_000 ? difference : 0;
}

/** The server's time, by which it ends what it gave for a while. */
export function serverNow(): number {
  return Date.now() + ahead;
}
