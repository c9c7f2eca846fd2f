import { describe, expect, it } from 'vitest';
import { ago, dollars, healthWords, priceWords, tokens, windowWords } from './words.ts';

const now = Date.parse('2026-11-21T12:00:00Z');
const health = { state: 'unknown', at: null, reason: null, cooled_until: null, active: 0, first_byte_ms: null } as const;

describe('words about models and keys', () => {
  it.each([[0, '$0'], [2, '$2'], [2.5, '$2.50'], [0.15, '$0.15'], [0.075, '$0.075'], [7.5e-8 * 1e6, '$0.075'], [1.125, '$1.125'], [0.000_4, '$0.0004'], [0.000_000_02, '$0.00000002'], [1234.5, '$1,234.50'], [1e9, '$1,000,000,000'], [10, '$10']])('writes %d as %s', (amount, text) => expect(dollars(amount)).toBe(text));

  it('writes prices for a million tokens, and says when there is none', () => {
    expect(priceWords({ input: 2e-6, output: 8e-6, cache_read: null, configured: true })).toBe('$2 in, $8 out for a million tokens');
    expect(priceWords({ input: 1.5e-7, output: null, cache_read: null, configured: false })).toBe('$0.15 in, ? out for a million tokens (list price)');
    expect(priceWords({ input: null, output: null, cache_read: null, configured: false })).toMatch(/unknown/);
  });

  it.each([[128_000, '128k'], [1_000_000, '1M'], [1_500_000, '1.5M'], [8_192, '8,192'], [1_048_576, '1,048,576']])('writes %d tokens as %s', (count, text) => expect(tokens(count)).toBe(text));

  it('says how a model is, and counts a cooldown down', () => {
    expect(healthWords(health, null, now)).toMatchObject({ dot: 'quiet', label: 'Not called since the start' });
    expect(healthWords({ ...health, state: 'answering', at: '2026-11-21T11:57:00Z', first_byte_ms: 320.4 }, null, now).label).toBe('Answered 3 min ago, first byte after 320 ms');
    expect(healthWords({ ...health, state: 'cooling', at: '2026-11-21T11:59:59Z', cooled_until: '2026-11-21T12:00:13.200Z', reason: 'It is rate-limited.' }, null, now)).toEqual({ dot: 'waiting', label: 'Cooling down, 14 s left', reason: 'It is rate-limited.' });
    expect(healthWords({ ...health, state: 'cooling', at: '2026-11-21T11:59:59Z', cooled_until: '2026-11-21T12:00:00Z', reason: 'It is rate-limited.' }, null, now)).toMatchObject({ dot: 'bad', label: 'Failed just now' });
    expect(healthWords(health, 'Its key is gone.', now)).toEqual({ dot: 'bad', label: 'Cannot be used', reason: 'Its key is gone.' });
  });

  it('says how long ago, and how long a window is', () => {
    expect([ago('2026-11-21T09:00:00Z', now), ago('2026-11-18T09:00:00Z', now), ago(null, now)]).toEqual(['3 h ago', '3 days ago', 'lately']);
    expect([86_400, 30 * 86_400, 43_200, 90].map(windowWords)).toEqual(['day', '30 days', '12 hours', '90 seconds']);
  });
});
