import { expect, it } from 'vitest';
import { BudgetLedger } from '../budgets/budget-ledger.ts';
import { readGatewayFile } from '../configuration/read-gateway-file.ts';
import { Router } from '../routing/router.ts';
import { PriceTable } from '../usage/price-table.ts';
import { CallLimits } from './call-limits.ts';
import { KeyCalls } from './key-calls.ts';
import type { VirtualKey } from './virtual-keys.ts';

const key: VirtualKey = { hash: 'h', userId: null, teamId: null, jobId: null, models: [], aliases: {}, rpm: null, tpm: null, maxParallel: null, expiresAt: null, blocked: false, spend: 0, budgets: [{ id: 'key:h', max: 100 }], holders: [] };

function keyCallsOf(file: string): KeyCalls {
  const router = new Router(readGatewayFile(file, {}), { outgoing: {} as never, environment: {} });
  const ledger = new BudgetLedger({ lease: async (_, __, wanted) => ({ granted: wanted, left: 100, windowEnd: null }), giveBack: async () => {} });
  return new KeyCalls(ledger, new CallLimits({} as never), new PriceTable(), { router, way: async () => null });
}

it('LLM-5: sets aside what a fallback costs by its own name, where a wildcard serves it', async () => {
  const calls = keyCallsOf(`model_list:
  - { model_name: first, litellm_params: { model: openai/first, api_key: k, input_cost_per_token: 0, output_cost_per_token: 0.00001 } }
  - { model_name: "openai/*", litellm_params: { model: "openai/*", api_key: k } }
router_settings: { fallbacks: [{ first: [openai/gpt-5.5] }] }
`);
  const body = { model: 'first', max_tokens: 1_000, messages: [] };
  const call = await calls.begin(key, { source: 'group', provider: '', model: 'first' }, Buffer.from(JSON.stringify(body)), body);
  // A thousand tokens of gpt-5.5; of the first they would be a cent.
  expect(call.reserved).toBeGreaterThan(0.03);
  expect(call.reserved).toBeLessThan(0.031);
});

it('LLM-5: sets aside the least output that responses take, for a smaller limit becomes that', async () => {
  const calls = keyCallsOf('model_list: [{ model_name: m, litellm_params: { model: openai/responses/m, api_key: k, input_cost_per_token: 0, output_cost_per_token: 0.001 } }]');
  const body = { model: 'm', max_tokens: 1, messages: [] };
  expect((await calls.begin(key, { source: 'group', provider: '', model: 'm' }, Buffer.from(JSON.stringify(body)), body)).reserved).toBeCloseTo(0.016, 9);
});
