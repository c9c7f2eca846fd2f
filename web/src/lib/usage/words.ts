import type { RunUsage } from '@deskhand/contracts';
import { counted, fullCount, money, shortCount } from '../text/amounts.ts';

type Priced = Pick<RunUsage, 'cost' | 'calls' | 'unpriced_calls'>;

/** `$0.12`, `$0.12+` where the price of some calls is not known, `price unknown` where it is of none. */
export function costWords({ cost, calls, unpriced_calls }: Priced): string {
  if (unpriced_calls === 0) return money(cost);
  return unpriced_calls >= calls || cost === 0 ? 'price unknown' : `${money(cost)}+`;
}

/** `4.1K tokens · $0.012` */
export const shortWords = (usage: RunUsage): string => `${shortCount(usage.input_tokens + usage.output_tokens)} tokens · ${costWords(usage)}`;

/** The same in full, for who hears it or stays on it. */
export function fullWords(usage: RunUsage): string {
  const cached = usage.cached_tokens > 0 ? `, ${fullCount(usage.cached_tokens)} of them from a cache` : '';
  const reasoning = usage.reasoning_tokens > 0 ? `, ${fullCount(usage.reasoning_tokens)} of them reasoning` : '';
  return `${counted(usage.calls, 'model call')}: ${counted(usage.input_tokens, 'token')} in${cached}; ${fullCount(usage.output_tokens)} out${reasoning}; ${costWords(usage).replace('+', ' and more')}`;
}
