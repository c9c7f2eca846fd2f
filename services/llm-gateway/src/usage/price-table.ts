import type { ModelPrice, Provider, ProviderFindOptions } from '@pydantic/genai-prices';
import type { Prices } from '../configuration/gateway-file.ts';
import { inputTokens } from '../wire/token-usage.ts';
import type { EndedCall } from './model-call.ts';

type PriceList = typeof import('@pydantic/genai-prices');

/** What calls cost. The table takes memory and a tenth of a second to load, so it is read at the first call that needs it. */
export class PriceTable {
  private list: PriceList | null = null;
  private loading: Promise<PriceList> | null = null;
  /** Finding a provider by its address takes longer than the sum. */
  private readonly found = new Map<string, Provider | undefined>();

  /** US dollars; null when the model's price is not known at that provider. A promise only until the list is there. */
  cost(call: EndedCall): number | null | Promise<number | null> {
    const { row, baseUrl, prices, least } = call;
    const atLeast = (cost: number | null): number | null => (least === undefined ? cost : Math.max(cost ?? 0, least));
    if (baseUrl === null || inputTokens(row) + row.output === 0) return atLeast(0);
    if (prices?.input != null || prices?.output != null) return atLeast(configuredCost(row, prices));
    return this.list === null ? this.load().then((list) => atLeast(this.listed(list, call, baseUrl))) : atLeast(this.listed(this.list, call, baseUrl));
  }

  /** Reads the list now, so that it is there when a call ends. */
  warm(): void {
    if (this.loading === null) this.load().catch(() => {});
  }

  private listed(list: PriceList, { row, officialPrices, prices, baseModel }: EndedCall, baseUrl: string): number | null {
    const input = inputTokens(row);
    const counted = {
      input_tokens: input, output_tokens: row.output, cache_read_tokens: row.cacheRead,
      cache_write_tokens: row.cacheWrite5m + row.cacheWrite1h, ...(row.cacheWrite1h > 0 && { cache_write_1h_tokens: row.cacheWrite1h }),
    };
    // Only what an operator configured has prices of its own, were they left open: a person's own endpoint may be anything.
    const provider = officialPrices ? this.provider(list, { providerId: row.provider }) : prices == null ? this.provider(list, { providerApiUrl: baseUrl }) : this.configured(list, baseUrl, row.provider);
    if (!provider) return null;
    try {
      const found = list.calcPrice(counted, listedName(baseModel ?? row.model, provider), { provider, timestamp: new Date(row.startedAt) });
      return found && found.total_price + unlistedHourWrites(row, found.model_price);
    } catch {
      return null;
    }
  }

  /** Tokens a model of a provider can take in; null when not known. */
  async contextWindow(provider: string, model: string): Promise<number | null> {
    const { calcPrice } = await this.load();
    try {
      return calcPrice({ input_tokens: 1 }, model, { providerId: provider })?.model.context_window ?? null;
    } catch {
      return null;
    }
  }

  /** The same for a configured model. */
  async contextWindowAt(baseUrl: string, name: string, model: string): Promise<number | null> {
    const list = await this.load();
    const provider = this.configured(list, baseUrl, name);
    try {
      return provider === undefined ? null : (list.calcPrice({ input_tokens: 1 }, listedName(model, provider), { provider })?.model.context_window ?? null);
    } catch {
      return null;
    }
  }

  /** Whose address it is, else whose name it has: an operator who writes `openai/gpt-5.5` means that model, through whatever proxy it is reached. */
  private configured(list: PriceList, baseUrl: string, name: string): Provider | undefined {
    return this.provider(list, { providerApiUrl: baseUrl }) ?? this.provider(list, { providerId: name });
  }

  private provider(list: PriceList, where: ProviderFindOptions): Provider | undefined {
    const key = where.providerId ?? where.providerApiUrl ?? '';
    if (!this.found.has(key)) {
      if (this.found.size >= 1_000) this.found.clear();
      this.found.set(key, list.findProvider(where));
    }
    return this.found.get(key);
  }

  private load(): Promise<PriceList> {
    this.loading ??= import('@pydantic/genai-prices').then((list) => (this.list = list));
    return this.loading;
  }
}

/** By the prices that were configured; cached tokens cost as others where nothing else is said, and an hour's as five minutes'. */
function configuredCost(row: EndedCall['row'], { input, output, cacheRead, cacheWrite, cacheWriteHour }: Prices): number {
  const perInput = input ?? 0;
  const perWrite = cacheWrite ?? perInput;
  return row.uncachedInput * perInput + row.cacheRead * (cacheRead ?? perInput) + row.cacheWrite5m * perWrite + row.cacheWrite1h * (cacheWriteHour ?? perWrite) + row.output * (output ?? 0);
}

/** Vertex names Google's own models with their publisher; the list does not. */
function listedName(model: string, provider: Provider): string {
  if (provider.id === 'azure' && model.startsWith('azure/')) return model.slice('azure/'.length);
  return provider.id === 'google' && model.startsWith('google/') ? model.slice('google/'.length) : model;
}

/** Writes that last an hour cost twice the input wherever Claude is sold; where the list says nothing of them it counts them as five minutes' ones. */
function unlistedHourWrites(row: EndedCall['row'], { input_mtok: input, cache_write_mtok: write, cache_write_1h_mtok: hour }: ModelPrice): number {
  if (row.cacheWrite1h === 0 || hour !== undefined || typeof input !== 'number' || typeof write !== 'number') return 0;
  return (row.cacheWrite1h * (2 * input - write)) / 1e6;
}
