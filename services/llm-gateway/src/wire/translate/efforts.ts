const order = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'];

/** The effort a model takes that is the wished one, else the next lower, else the next higher; null when it takes none. */
export function nearestEffort(wished: string | null, taken: readonly string[]): string | null {
  if (wished === null || taken.includes(wished)) return wished;
  const at = order.indexOf(wished);
  const known = taken.toSorted((left, right) => order.indexOf(left) - order.indexOf(right));
  return known.findLast((effort) => order.indexOf(effort) < at && effort !== 'none') ?? known.find((effort) => order.indexOf(effort) > at) ?? null;
}
