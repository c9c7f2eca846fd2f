import { expect, it } from 'vitest';
import { addressGroup } from './address.ts';
import { waitFor } from './limit.ts';

it('allows a burst, then one in every interval', () => {
  const limit = { name: 'x', burst: 3, everyMs: 1_000 };
  let emptyAt = 0;
  const attempt = (now: number) => {
    const wait = waitFor(limit, emptyAt, now);
    if (wait === 0) emptyAt = Math.max(emptyAt, now) + limit.everyMs;
    return wait;
  };
  expect([attempt(10_000), attempt(10_000), attempt(10_000), attempt(10_000)]).toEqual([0, 0, 0, 1_000]);
  expect([attempt(10_600), attempt(11_000), attempt(11_000)]).toEqual([400, 0, 1_000]);
  expect([attempt(60_000), attempt(60_000), attempt(60_000), attempt(60_000)]).toEqual([0, 0, 0, 1_000]);
});

it('counts an IPv6 subscriber once and an IPv4 address however it is written', () => {
  expect(addressGroup('192.0.2.7')).toBe('192.0.2.7');
  expect(addressGroup('::ffff:192.0.2.7')).toBe('192.0.2.7');
  expect(addressGroup('::ffff:c000:207')).toBe('192.0.2.7');
  expect(addressGroup('2001:db8:1:2:3:4:5:6')).toBe('2001:db8:1:2::/64');
  expect(addressGroup('2001:0DB8:0001:0002::1')).toBe('2001:db8:1:2::/64');
  expect(addressGroup('2001:db8::1')).toBe('2001:db8:0:0::/64');
  expect(addressGroup('fe80::1%eth0')).toBe('fe80:0:0:0::/64');
  expect(addressGroup('::1')).toBe('0:0:0:0::/64');
  expect(addressGroup('')).toBe('unknown');
  expect(addressGroup('not an address')).toBe('unknown');
});
