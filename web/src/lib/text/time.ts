const day = 86_400_000;
/** Made once: making a formatter costs more than everything else about a row of the list. */
const months = new Intl.DateTimeFormat(undefined, { month: 'long', year: 'numeric' });

/** `YYYY-MM-DD HH:MM:SS` in UTC or RFC 3339, as the API gives both. */
export function parseTime(text: string): Date {
  return new Date(text.includes('T') ? text : `${text.replace(' ', 'T')}Z`);
}

export function clockTime(text: string): string {
  return parseTime(text).toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit' });
}

export function fullTime(text: string): string {
  return parseTime(text).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });
}

/** `0.2 s`, `14 s`, `3 min 5 s`. */
export function duration(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  if (seconds < 0.1) return '<0.1 s';
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** Names the group of the list that a day belongs to: Today, Yesterday, Last 7 days, then months. */
export function dayGroup(time: Date, now: Date = new Date()): string {
  const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate()).getTime();
  if (time.getTime() >= midnight) return 'Today';
  if (time.getTime() >= midnight - day) return 'Yesterday';
  if (time.getTime() >= midnight - 7 * day) return 'Last 7 days';
  if (time.getTime() >= midnight - 30 * day) return 'Last 30 days';
  return months.format(time);
}
