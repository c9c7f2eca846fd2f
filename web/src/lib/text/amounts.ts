const whole = new Intl.NumberFormat('en-US');
const short = new Intl.NumberFormat('en-US', { notation: 'compact', maximumSignificantDigits: 3 });

/** `950`, `12.3K`, `1.2M`. */
export const shortCount = (count: number): string => (count < 1_000 ? whole.format(count) : short.format(count));

/** `12,345`. */
export const fullCount = (count: number): string => whole.format(count);

/** US dollars with as many digits as say something: `$12.30`, `$0.084`, `$0.00012`, `$0`. */
export function money(dollars: number): string {
  if (dollars === 0) return '$0';
  if (dollars >= 0.1) return `$${new Intl.NumberFormat('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 }).format(dollars)}`;
  if (dollars < 0.0000005) return '<$0.000001';
  return `$${dollars.toFixed(Math.min(6, 1 - Math.floor(Math.log10(dollars)))).replace(/0+$/, '')}`;
}

/** `1 call`, `2,000 calls`. */
export const counted = (count: number, one: string, many = `${one}s`): string => `${fullCount(count)} ${count === 1 ? one : many}`;
