/** A range of whole days of UTC, both ends included. */
export interface DayRange {
  from: string;
  to: string;
}

const dayMs = 86_400_000;
export const mostDays = 400;

export const dayOf = (time: number): string => new Date(time).toISOString().slice(0, 10);

/** Ranges that one chooses by name; the last of their days is today. */
export const namedRanges = [
  { key: '7', label: '7 days' },
  { key: '30', label: '30 days' },
  { key: '90', label: '90 days' },
  { key: 'month', label: 'This month' },
] as const;
export type RangeName = (typeof namedRanges)[number]['key'];

export function rangeOf(name: RangeName, now: number): DayRange {
  const to = dayOf(now);
  return { from: name === 'month' ? `${to.slice(0, 8)}01` : dayOf(now - (Number(name) - 1) * dayMs), to };
}

/** Every day of a range, empty ones too. */
export function daysOf({ from, to }: DayRange): string[] {
  const days: string[] = [];
  for (let time = Date.parse(from); time <= Date.parse(to) && days.length <= mostDays; time += dayMs) days.push(dayOf(time));
  return days;
}

/** What is wrong with a range in words; null when nothing is. */
export function problemOf({ from, to }: DayRange): string | null {
  if (Number.isNaN(Date.parse(from)) || Number.isNaN(Date.parse(to))) return 'Choose both days.';
  if (from > to) return 'The first day is after the last one.';
  return (Date.parse(to) - Date.parse(from)) / dayMs >= mostDays ? `A range is ${mostDays} days at most.` : null;
}

const long = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' });
const brief = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', timeZone: 'UTC' });
export const longDay = (day: string): string => long.format(Date.parse(day));
export const briefDay = (day: string): string => brief.format(Date.parse(day));
