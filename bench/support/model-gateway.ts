import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startProduct, type RunningProduct } from '../../e2e/product.ts';
import { cores, pin } from './pinned-program.ts';

/** The product's model gateway in front of an upstream, with a virtual key that has a budget. */
export interface MeasuredGateway extends AsyncDisposable {
  product: RunningProduct;
  port: number;
  /** The model gateway's process, alone on its core. */
  pid: number;
  key: string;
  /** Makes another virtual key; amounts are US dollars. */
  makeKey(settings: object): Promise<string>;
}

/** A model of the gateway: its name and the path of its API at the upstream. */
export interface MeasuredModel {
  name: string;
  apiBase: string;
}

/** The whole product as `npm start` runs it; its model gateway keeps usage, and holds the key's calls to a budget. */
export async function startGateway(upstreamHost: string, models: readonly MeasuredModel[]): Promise<MeasuredGateway> {
  const folder = mkdtempSync(join(tmpdir(), 'deskhand-models-'));
  const config = join(folder, 'config.yaml');
  const entries = models.map(({ name, apiBase }) => `  - { model_name: ${name}, litellm_params: { model: openai/${name}, api_base: "${apiBase}", api_key: upstream-key-0123456789, input_cost_per_token: 0.0000025, output_cost_per_token: 0.00001 } }`);
  writeFileSync(config, `model_list:\n${entries.join('\n')}\nrouter_settings: { num_retries: 0 }\n`);
  try {
    const product = await startProduct({ variables: { LITELLM_CONFIG: config, DESKHAND_ALLOWED_PRIVATE_HOSTS: upstreamHost } });
    const parts = ['gateway', 'auth', 'conversations', 'agent', 'sandbox-manager', 'nats-server', 'supervisor'] as const;
    for (const pid of parts.map((part) => product.pid(part))) if (pid !== null) pin(pid, cores.others);
    const pid = product.pid('llm-gateway')!;
    pin(pid, cores.measured);
    const makeKey = async (settings: object): Promise<string> => {
      const response = await fetch(`${product.llmUrl}/key/generate`, { method: 'POST', headers: { authorization: `Bearer ${product.llmKey}`, 'content-type': 'application/json' }, body: JSON.stringify(settings) });
      const made = (await response.json()) as { key?: string };
      if (made.key === undefined) throw new Error(`No key was made: ${JSON.stringify(made)}`);
      return made.key;
    };
    return {
      product, pid, makeKey, port: Number(new URL(product.llmUrl).port), key: await makeKey({ max_budget: 1_000_000 }),
      [Symbol.asyncDispose]: async () => {
        await product.stop();
        rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
      },
    };
  } catch (error) {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
    throw error;
  }
}
