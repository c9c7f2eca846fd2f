import type { UsageFigures } from '@deskhand/contracts';
import { fullCount, money, shortCount } from '../text/amounts.ts';

/** What a chart is of. */
export interface Measure {
  key: 'cost' | 'tokens' | 'calls';
  label: string;
  of: (figures: UsageFigures) => number;
  words: (amount: number) => string;
  /** For an axis. */
  brief: (amount: number) => string;
}

export const measures: readonly Measure[] = [
  { key: 'cost', label: 'Cost', of: ({ cost }) => cost, words: money, brief: money },
  { key: 'tokens', label: 'Tokens', of: ({ input_tokens, output_tokens }) => input_tokens + output_tokens, words: (amount) => `${fullCount(amount)} tokens`, brief: shortCount },
  { key: 'calls', label: 'Calls', of: ({ calls }) => calls, words: (amount) => `${fullCount(amount)} ${amount === 1 ? 'call' : 'calls'}`, brief: shortCount },
];

/** A round number not below `most`, so that an axis reads well. */
export function roundUp(most: number): number {
  if (most <= 0) return 1;
  const step = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 2.5, 5, 10].map((factor) => factor * step).find((round) => round >= most * 0.999999) ?? most;
}
