/** How many tests passed, failed and were skipped. */
export interface Count {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export const nothing: Count = { passed: 0, failed: 0, skipped: 0 };
export const oneFailed: Count = { ...nothing, failed: 1 };

export function add(counts: readonly Count[]): Count {
  return counts.reduce((sum, { passed, failed, skipped }) => ({ passed: sum.passed + passed, failed: sum.failed + failed, skipped: sum.skipped + skipped }), nothing);
}

/** The line that ends a test run. */
export const closingLine = ({ passed, failed }: Count): string => `${passed} passed, ${failed} failed`;

/** A run that executed no test is a failed one: something kept the tests from being found. */
export const exitCode = ({ passed, failed }: Count): number => (failed === 0 && passed > 0 ? 0 : 1);

interface JsonReport {
  readonly testResults: readonly {
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

/**
 * Counts a report of the test runner's JSON reporter. A file that failed outside its tests (at import, in a hook) counts
 * as one failure; so does a run that ended badly without any failed test.
 */
export function countReport(text: string | null, succeeded: boolean): Count {
  if (text === null) return succeeded ? nothing : oneFailed;
  const files = (JSON.parse(text) as JsonReport).testResults.map(({ status, assertionResults }): Count => {
    const having = (...wanted: string[]) => assertionResults.filter((result) => wanted.includes(result.status)).length;
    const failed = having('failed');
    return { passed: having('passed'), failed: failed === 0 && status === 'failed' ? 1 : failed, skipped: having('pending', 'skipped', 'todo', 'disabled') };
  });
  const sum = add(files);
  return sum.failed === 0 && !succeeded ? add([sum, oneFailed]) : sum;
}
