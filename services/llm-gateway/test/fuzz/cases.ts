/** Cases of a whole run (`FUZZ_CASES=10000`); without it as many as every `npm test` has time for. */
export const fuzzCases = (few: number): number => {
  const wanted = Number(process.env.FUZZ_CASES ?? '');
  return Number.isInteger(wanted) && wanted > 0 ? wanted : few;
};

/** Of a property: how often it is tried. */
export const tried = (few: number, share = 1): { numRuns: number } => ({ numRuns: Math.max(1, Math.ceil(fuzzCases(few) * share)) });
