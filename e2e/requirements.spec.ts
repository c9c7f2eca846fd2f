import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { requirements } from './requirements.ts';

const scenarios = join(import.meta.dirname, 'scenarios');
const idPattern = /\b(?:AUTH|CONV|AGENT|BOX|DESK|LLM|JOBS|API|OPS)-\d+\b/g;
/** Titles only: an id in a comment verifies nothing. A skipped or expected failure verifies nothing either. */
const titles = /\b(?:describe|it|test)(?:\.each\([\s\S]*?\))?\(\s*(['"`])([\s\S]*?)\1/g;

const cited = new Set(
  readdirSync(scenarios)
    .filter((file) => file.endsWith('.e2e.ts'))
    .flatMap((file) => [...readFileSync(join(scenarios, file), 'utf8').matchAll(titles)])
    .flatMap((match) => match[2]?.match(idPattern) ?? []),
);

describe('requirements', () => {
  it('have unique ids of the known areas', () => {
    const ids = requirements.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.filter((id) => id.replace(idPattern, '') !== '')).toEqual([]);
  });

  it('that are called done are each cited by the title of a scenario', () => {
    expect(requirements.filter(({ id, state }) => state === 'done' && !cited.has(id)).map(({ id }) => id)).toEqual([]);
  });

  it('that scenarios cite exist', () => {
    const known = new Set(requirements.map(({ id }) => id));
    expect([...cited].filter((id) => !known.has(id))).toEqual([]);
  });

  it('that a scenario cites are not called not-yet', () => {
    expect(requirements.filter(({ id, state }) => state === 'not-yet' && cited.has(id)).map(({ id }) => id)).toEqual([]);
  });
});
