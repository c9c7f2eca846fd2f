import { expect, it } from 'vitest';
import { PriceTable } from '../usage/price-table.ts';
import { mostExpensive, type PricedPlace } from './most-expensive.ts';

const table = new PriceTable();
const place = (more: Partial<PricedPlace>): PricedPlace => ({ provider: 'openai', model: 'gpt-5.5', baseUrl: 'https://api.openai.com/v1', officialPrices: false, ...more });
const most = async (...places: PricedPlace[]) => mostExpensive(places, { input: 1_000, output: 100, forAnHour: true }, (call) => table.cost(call));

it('a call is reserved for at its most expensive place, and at its most expensive kind of input', async () => {
  const [cheap, dear] = [{ input: 1, output: 1, cacheRead: null, cacheWrite: null }, { input: 1, output: 2, cacheRead: 0, cacheWrite: 1.25, cacheWriteHour: 2 }];
  expect(await most(place({ prices: cheap }), place({ prices: dear }))).toBe(1_000 * 2 + 100 * 2);
  expect(await mostExpensive([place({ prices: dear })], { input: 1_000, output: 100, forAnHour: false }, (call) => table.cost(call))).toBe(1_000 * 1.25 + 100 * 2);
  expect(await most(place({}))).toBeCloseTo((1_000 * 5 + 100 * 30) / 1e6, 9);
});

it('a deployment whose name says nothing is known by the model behind it, and one that nobody knows is named', async () => {
  const azure = { provider: 'azure', model: 'our-mini', baseUrl: 'https://x.openai.azure.com', baseModel: 'azure/gpt-5.5' };
  expect(await most(place(azure))).toBeGreaterThan(0);
  expect(await most(place({}), place({ ...azure, baseModel: null }))).toEqual({ unknown: 'azure/our-mini' });
});
