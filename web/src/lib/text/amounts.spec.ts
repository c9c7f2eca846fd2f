import { describe, expect, it } from 'vitest';
import { counted, money, shortCount } from './amounts.ts';

describe('amounts in words', () => {
  it('money has as many digits as say something', () => {
    expect([0, 0.0000001, 0.0000012, 0.00012, 0.0041, 0.084, 0.1, 0.999, 1_234.5].map(money)).toEqual(['$0', '<$0.000001', '$0.000001', '$0.00012', '$0.0041', '$0.084', '$0.10', '$1.00', '$1,234.50']);
  });
  it('counts are short', () => {
    expect([0, 999, 1_000, 12_345, 1_234_567].map(shortCount)).toEqual(['0', '999', '1K', '12.3K', '1.23M']);
    expect([counted(1, 'call'), counted(2_000, 'call')]).toEqual(['1 call', '2,000 calls']);
  });
});
