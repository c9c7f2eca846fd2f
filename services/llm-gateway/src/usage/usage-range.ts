import { DeclaredError } from '@deskhand/contracts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const usualDays = 30;
const mostDays = 400;

/** Whole hours since 1970; `to` is the first that is no longer in it. */
export interface HourRange {
  from: number;
  to: number;
}

/** A day as an end is in the range whole. Without an end it goes to now, without a beginning it is thirty days long. Throws `BAD_INPUT`. */
export function usageRange(from: string | undefined, to: string | undefined, now: number = Date.now()): HourRange {
  const end = to === undefined ? Math.floor(now / hourMs) + 1 : Math.ceil((Date.parse(to) + (isDay(to) ? dayMs : 0)) / hourMs);
  const beginning = from === undefined ? (Math.floor((end - 1) / 24) - usualDays + 1) * 24 : Math.floor(Date.parse(from) / hourMs);
  if (beginning >= end) throw new DeclaredError('BAD_INPUT', 'The range ends before it begins.', { query: [{ path: 'from', message: 'must be before to' }] });
  if (end - beginning > mostDays * 24) throw new DeclaredError('BAD_INPUT', `The range is longer than ${mostDays} days.`, { query: [{ path: 'from', message: `must be within ${mostDays} days of to` }] });
  return { from: beginning, to: end };
}

const isDay = (time: string): boolean => /^\d{4}-\d\d-\d\d$/.test(time);
export const hourText = (hour: number): string => new Date(hour * hourMs).toISOString();
export const dayText = (day: number): string => new Date(day * dayMs).toISOString().slice(0, 10);
