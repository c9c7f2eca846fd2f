import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepareGround, runGateway, type GatewayGround, type RunningGateway } from './running-gateway.ts';
import { startUpstream, type ScriptedUpstream } from './upstream.ts';

/** US dollars that `call` costs: 1,000 tokens of output at a cent a thousand; the input costs nothing. */
export const once = 0.01;

/** What an entry of the configuration file says of its price. */
export const atThatPrice = 'input_cost_per_token: 0, output_cost_per_token: 0.00001';

export interface PricedGateway {
  running: RunningGateway;
  upstream: ScriptedUpstream;
  post(path: string, key: string, body: object): Promise<{ status: number; body: any }>;
  call(key: string, model: string): Promise<{ status: number; body: any }>;
  close(): Promise<void>;
}

/** The service in front of a provider that answers every call at one price. `configuration`: its file, by the provider's base URL. */
export async function runPricedGateway(configuration: (base: string) => string): Promise<PricedGateway> {
  const folder = mkdtempSync(join(tmpdir(), 'deskhand-priced-'));
  const ground: GatewayGround = await prepareGround();
  const upstream = await startUpstream({ format: 'openai-chat', script: () => ({ text: 'pong', usage: { uncachedInput: 0, output: 1_000 } }) });
  const file = join(folder, 'config.yaml');
  writeFileSync(file, configuration(`${upstream.url}/v1`));
  const running = await runGateway(ground, { LITELLM_CONFIG: file, ALLOWED_PRIVATE_HOSTS: upstream.host });
  const post: PricedGateway['post'] = async (path, key, body) => {
    const response = await fetch(running.url + path, { method: 'POST', headers: { authorization: `Bearer ${key}` }, body: JSON.stringify(body) });
    return { status: response.status, body: await response.json() };
  };
  return {
    running, upstream, post, call: async (key, model) => post('/v1/chat/completions', key, { model, max_tokens: 1_000, messages: [{ role: 'user', content: 'ping' }] }),
    close: async () => {
      await running.close();
      await upstream.close();
      await ground.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
