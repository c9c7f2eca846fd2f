import { expect, it } from 'vitest';
import { pagesAt } from './operation-routes.ts';

it.each([
  ['https://deskhand.example.org', 'gateway.example.org:4000', 'https://deskhand.example.org/settings/usage'],
  ['http://127.0.0.1:3000', '127.0.0.1:4000', 'http://127.0.0.1:3000/settings/usage'],
  ['http://127.0.0.1:3000', 'box.lan:4000', 'http://box.lan:3000/settings/usage'],
  ['http://127.0.0.1:3000', '[fd00::1]:4000', 'http://[fd00::1]:3000/settings/usage'],
  ['http://127.0.0.1:3000', 'evil.example/@x', 'http://127.0.0.1:3000/settings/usage'],
  ['http://127.0.0.1:3000', undefined, 'http://127.0.0.1:3000/settings/usage'],
])('/ui of %s, asked as %s, leads to %s', (web, host, location) => {
  expect(pagesAt(web, host)).toBe(location);
});
