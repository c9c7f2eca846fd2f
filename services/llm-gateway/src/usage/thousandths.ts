/** Milliseconds as they are kept: a microsecond is finer than anybody asks. */
export const inThousandths = (value: number): number => Math.round(value * 1_000) / 1_000;

/** A number of at least 0 with three digits at most behind the point. A whole number becomes text at a fraction of the cost of one that is not. */
export function thousandthsText(value: number): string {
  const all = Math.round(value * 1_000);
  const rest = all % 1_000;
  const whole = (all - rest) / 1_000;
  return rest === 0 ? `${whole}` : `${whole}.${rest < 10 ? '00' : rest < 100 ? '0' : ''}${rest}`;
}
