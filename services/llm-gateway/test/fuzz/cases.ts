/** Cases of a whole run (`FUZZ_CASES=10000`); without it as many as every `npm test` has time for. */
export const fuzzCases = (few: number): number => {
  const wanted = Number(process.env.FUZZ_CASES ?? '');
  return Number.isInteger(wanted) && wanted > 0 ? wanted : few;
};

/** Of a property: how often it is tried, and from which seed when one is to be tried again (`FUZZ_SEED`). */
export const tried = (few: number, share = 1): { numRuns: number; seed?: number } => ({ numRuns: Math.max(1, Math.ceil(fuzzCases(few) * share)), ...(process.env.FUZZ_SEED !== undefined && { seed: Number(process.env.FUZZ_SEED) }) });
