const units: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** LiteLLM's durations (`30s`, `15m`, `12h`, `30d`, `2w`, `1mo`) in milliseconds; a month is thirty days. Null when it is none. */
export function durationMs(text: string): number | null {
  const [, count, unit] = /^(\d{1,6})(s|m|h|d|w|mo)$/.exec(text.trim()) ?? [];
  if (count === undefined || unit === undefined || Number(count) === 0) return null;
  return Number(count) * (unit === 'mo' ? 30 * units.d! : units[unit]!);
}

/** The same in the largest unit that says it, as most people write it: a month of thirty days is `30d`. */
export function durationText(ms: number): string {
  const [unit, length] = (['d', 'h', 'm'] as const).map((name) => [name, units[name]!] as const).find(([, one]) => ms % one === 0) ?? ['s', 1_000];
  return `${ms / length}${unit}`;
}
