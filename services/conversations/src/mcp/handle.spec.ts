import { describe, expect, it } from 'vitest';
import { freeHandle, handleOf } from './handle.ts';

describe('handles of MCP servers', () => {
  it.each([
    ['Weather', 'weather'], ['GitHub (prod)', 'github_prod'], ['Über Ärger', 'uber_arger'], ['__a__b__', 'a_b'], ['天気', 'server'], ['', 'server'], ['x'.repeat(90), 'x'.repeat(24)], [`${'x'.repeat(23)} y`, 'x'.repeat(23)],
  ])('%s: %s', (name, handle) => expect(handleOf(name)).toBe(handle));

  it('are never given twice', () => {
    expect(freeHandle('a', new Set())).toBe('a');
    expect(freeHandle('a', new Set(['a', 'a_2']))).toBe('a_3');
  });
});
