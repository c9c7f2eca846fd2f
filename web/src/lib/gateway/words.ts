import type { ConfiguredModel } from '@deskhand/contracts';
import { parseTime } from '../text/time.ts';

type Health = ConfiguredModel['health'];

/** A price or a budget, to the last place that somebody wrote: `$2`, `$0.075`, `$1,234.50`. */
export function dollars(amount: number): string {
  // What multiplying has added behind the tenth place is nobody's.
  const exact = Number(amount.toPrecision(10));
  return `$${exact.toLocaleString('en-US', { minimumFractionDigits: Number.isInteger(exact) ? 0 : 2, maximumFractionDigits: 12 })}`;
}

export function priceWords({ input, output, configured }: ConfiguredModel['prices']): string {
  if (input === null && output === null) return 'Price unknown: keys with a budget may not use it';
  const million = (price: number | null): string => (price === null ? '?' : dollars(price * 1e6));
  return `${million(input)} in, ${million(output)} out for a million tokens${configured ? '' : ' (list price)'}`;
}

/** `128k`, `1M`, `8,192`. */
export function tokens(count: number): string {
  if (count >= 1e6 && count % 1e5 === 0) return `${count / 1e6}M`;
  return count >= 1e4 && count % 1e3 === 0 ? `${count / 1e3}k` : count.toLocaleString('en');
}

export interface HealthWords {
  dot: 'good' | 'bad' | 'waiting' | 'quiet';
  label: string;
  reason: string | null;
}

/** The state of a model in words, at a moment by the server's clock. */
export function healthWords({ state, at, reason, cooled_until, first_byte_ms }: Health, problem: string | null, now: number): HealthWords {
  if (problem !== null) return { dot: 'bad', label: 'Cannot be used', reason: problem };
  const left = cooled_until === null ? 0 : Math.ceil((parseTime(cooled_until).getTime() - now) / 1_000);
  if (state === 'cooling' && left > 0) return { dot: 'waiting', label: `Cooling down, ${left < 120 ? `${left} s` : `${Math.ceil(left / 60)} min`} left`, reason };
  if (state === 'failing' || state === 'cooling') return { dot: 'bad', label: `Failed ${ago(at, now)}`, reason };
  if (state === 'unknown') return { dot: 'quiet', label: 'Not called since the start', reason: null };
  return { dot: 'good', label: `Answered ${ago(at, now)}${first_byte_ms === null ? '' : `, first byte after ${first_byte_ms < 1_000 ? `${Math.round(first_byte_ms)} ms` : `${(first_byte_ms / 1_000).toFixed(1)} s`}`}`, reason: null };
}

/** `just now`, `3 min ago`, `2 h ago`, `4 days ago`. */
export function ago(time: string | null, now: number): string {
  if (time === null) return 'lately';
  const minutes = Math.floor((now - parseTime(time).getTime()) / 60_000);
  if (minutes < 1) return 'just now';
  if (minutes < 60) return `${minutes} min ago`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ago` : `${Math.floor(hours / 24)} days ago`;
}

const units = [[86_400, 'day'], [3_600, 'hour'], [60, 'minute'], [1, 'second']] as const;

/** `day`, `30 days`, `12 hours`. */
export function windowWords(seconds: number): string {
  const [size, name] = units.find(([unit]) => seconds % unit === 0) ?? [1, 'second'];
  const count = seconds / size;
  return count === 1 ? name : `${count} ${name}s`;
}
