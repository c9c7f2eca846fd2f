import { Client } from '../../e2e/client/client.ts';
import { startProduct, type RunningProduct } from '../../e2e/product.ts';
import { startUpstream, type ScriptedUpstream, type UpstreamScript } from '../../services/llm-gateway/test/upstream.ts';

export interface Surroundings extends AsyncDisposable {
  product: RunningProduct;
  upstream: ScriptedUpstream;
  /** A new user whose default model is the upstream's. */
  user(): Promise<Client>;
}

/** The real product in front of a scripted provider that speaks OpenAI's format over HTTP. */
export async function surroundings(script: UpstreamScript): Promise<Surroundings> {
  const upstream = await startUpstream({ format: 'openai-chat', script });
  try {
    const product = await startProduct({ variables: { DESKHAND_ALLOWED_PRIVATE_HOSTS: upstream.host, DESKHAND_REGISTRATION: 'open' } });
    return {
      product, upstream,
      user: async () => {
        const client = await Client.register(product.webUrl);
        await client.provider('openai', `${upstream.url}/v1`, 'bench-model');
        return client;
      },
      [Symbol.asyncDispose]: async () => {
        await product.stop();
        await upstream.close();
      },
    };
  } catch (error) {
    await upstream.close();
    throw error;
  }
}

/** Runs `work` for 0 … count-1, at most `width` at a time. */
export async function inParallel(count: number, width: number, work: (index: number, lane: number) => Promise<void>): Promise<void> {
  let next = 0;
  await Promise.all(Array.from({ length: Math.min(width, count) }, async (_, lane) => {
    while (next < count) await work(next++, lane);
  }));
}

/** Repeatable pseudo-random numbers in [0, 1): a failing run can be run again. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Text of so many words in several scripts, with pairs of surrogates among them. */
export function words(count: number, seed: number): string {
  const random = randomNumbers(seed);
  const list = ['alpha', 'über', '東京', 'naïve', '🙂', 'значение', 'row\n', 'β-carotene', '👩‍💻', 'tail'];
  return Array.from({ length: count }, () => list[Math.floor(random() * list.length)]).join(' ');
}
