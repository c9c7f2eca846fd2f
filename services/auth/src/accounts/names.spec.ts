import { expect, it } from 'vitest';
import { nameKey } from './names.ts';

it('gives spellings of one name one key', () => {
  expect(nameKey('ADA')).toBe(nameKey('ada'));
  expect(nameKey('Straße')).toBe(nameKey('STRASSE'));
  expect(nameKey('ａｄａ')).toBe('ada');
  expect(nameKey('Jose\u0301')).toBe(nameKey('JOSÉ'));
  expect(nameKey('Ada@Example.ORG ')).toBe('ada@example.org');
  expect(nameKey('ada')).not.toBe(nameKey('ada1'));
});
