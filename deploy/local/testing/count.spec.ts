import { describe, expect, it } from 'vitest';
import { add, closingLine, countReport, exitCode, nothing } from './count.ts';

const report = (...files: { status: string; results: string[] }[]) =>
  JSON.stringify({ testResults: files.map(({ status, results }) => ({ status, assertionResults: results.map((result) => ({ status: result })) })) });

describe('count', () => {
  it('adds up the tests of all files', () => {
    const text = report({ status: 'passed', results: ['passed', 'passed', 'skipped'] }, { status: 'failed', results: ['passed', 'failed'] });
    expect(countReport(text, false)).toEqual({ passed: 3, failed: 1, skipped: 1 });
  });

  it('counts a file that failed without a failed test as one failure', () => {
    expect(countReport(report({ status: 'failed', results: [] }, { status: 'passed', results: ['passed'] }), false)).toEqual({ passed: 1, failed: 1, skipped: 0 });
  });

  it('counts a run that ended badly although all its tests passed', () => {
    expect(countReport(report({ status: 'passed', results: ['passed'] }), false)).toEqual({ passed: 1, failed: 1, skipped: 0 });
    expect(countReport(null, false)).toEqual({ passed: 0, failed: 1, skipped: 0 });
  });

  it('ends with the plain line, and fails when no test ran', () => {
    expect(closingLine(add([{ passed: 2, failed: 0, skipped: 4 }, nothing]))).toBe('2 passed, 0 failed');
    expect(exitCode(nothing)).toBe(1);
    expect(exitCode({ passed: 2, failed: 1, skipped: 0 })).toBe(1);
    expect(exitCode({ passed: 2, failed: 0, skipped: 1 })).toBe(0);
  });
});
