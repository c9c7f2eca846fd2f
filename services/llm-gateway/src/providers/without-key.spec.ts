import { expect, it } from 'vitest';
import { secretsWith } from './without-key.ts';

it('every credential that is sent may not be shown: fetched tokens and stated headers, too', () => {
  const secrets = ['sk-configured-key'];
  expect(secretsWith(secrets, { authorization: 'Bearer sk-configured-key', 'content-type': 'application/json', 'x-api-key': 'sk-configured-key' })).toBe(secrets);
  expect(secretsWith(secrets, { Authorization: 'Bearer ya29.fetched-token', 'X-Custom-Token': 'stated-in-a-header', 'x-api-key': 'short', 'x-request-id': 'no credential at all' })).toEqual(['sk-configured-key', 'ya29.fetched-token', 'stated-in-a-header']);
});
