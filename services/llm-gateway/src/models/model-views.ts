import type { ConfiguredModel } from '@deskhand/contracts';
import { Inject, Injectable } from '@nestjs/common';
import type { ModelEntry } from '../configuration/gateway-file.ts';
import type { UsageRow } from '../database/entities.ts';
import type { Deployment } from '../routing/deployment.ts';
import { Router } from '../routing/router.ts';
import { splitModel } from '../upstreams/upstream-of.ts';
import { PriceTable } from '../usage/price-table.ts';
import { noUsage, type TokenUsage } from '../wire/token-usage.ts';
import { publicParameters, secretsOf } from './model-definition.ts';
import { ModelsService, type AddedModel } from './models.service.ts';

/** Tokens that a price is asked for: few enough for the price of short calls, many enough to be exact. */
const sampleTokens = 1_000;

/** The gateway's models as administrators see them: those of the file and those that were added, never with a secret. */
@Injectable()
export class ModelViews {
  constructor(@Inject(Router) private readonly router: Router, @Inject(ModelsService) private readonly models: ModelsService, @Inject(PriceTable) private readonly prices: PriceTable) {}

  /** Models of one name beside each other, in the order of their first one. */
  async list(): Promise<ConfiguredModel[]> {
    await this.models.refresh();
    const { added } = this.models;
    const ofTheFile = this.router.deployments.filter((deployment) => !added.some((model) => model.deployment === deployment));
    const views = await Promise.all([...ofTheFile.map(async (deployment) => this.ofTheFile(deployment)), ...added.map(async (model) => this.ofAdded(model))]);
    const groups = [...new Set(views.map(({ model_name }) => model_name))];
    return groups.flatMap((name) => views.filter(({ model_name }) => model_name === name));
  }

  async ofAdded({ row, definition, deployment, problem, unused }: AddedModel): Promise<ConfiguredModel> {
    const parameters = definition?.parameters ?? {};
    return {
      id: row.id, model_name: row.group, ...(deployment ? namesOf(deployment) : namesIn(parameters)), source: 'database', line: null, litellm_params: publicParameters(parameters), model_info: row.info, secrets: secretsOf(parameters),
      mode: typeof row.info.mode === 'string' ? row.info.mode : null, ...(await this.facts(deployment)), health: healthOf(deployment), problem, unused: [...unused], created_at: at(row.createdAt), updated_at: at(row.updatedAt),
    };
  }

  private async ofTheFile(deployment: Deployment): Promise<ConfiguredModel> {
    const { entry } = deployment;
    const parameters = parametersOf(entry);
    return {
      id: entry.id, model_name: entry.group, ...namesOf(deployment), source: 'file', line: entry.line, litellm_params: publicParameters(parameters), model_info: { ...entry.info }, secrets: secretsOf(parameters), mode: entry.mode,
      ...(await this.facts(deployment)), health: healthOf(deployment), problem: null, unused: [], created_at: null, updated_at: null,
    };
  }

  private async facts(deployment: Deployment | null): Promise<Pick<ConfiguredModel, 'prices' | 'context_window'>> {
    if (deployment === null || deployment.sample === null) return { prices: { input: null, output: null, cache_read: null, configured: false }, context_window: null };
    const { entry, sample } = deployment;
    const price = async (usage: Partial<TokenUsage>): Promise<number | null> => {
      const row = { ...noUsage, ...usage, provider: sample.provider, model: entry.baseModel ?? sample.model, startedAt: Date.now() } as UsageRow;
      const cost = await this.prices.cost({ row, baseUrl: sample.baseUrl, officialPrices: false, prices: entry.prices });
      return cost === null ? null : cost / sampleTokens;
    };
    const [input, output, cacheRead, listed] = await Promise.all([
      price({ uncachedInput: sampleTokens }), price({ output: sampleTokens }), price({ cacheRead: sampleTokens }), this.prices.contextWindowAt(sample.baseUrl, sample.provider, entry.baseModel ?? sample.model),
    ]);
    return { prices: { input, output, cache_read: cacheRead, configured: entry.prices?.input != null || entry.prices?.output != null }, context_window: entry.limits.maxInputTokens ?? listed };
  }
}

function namesOf({ sample, entry }: Deployment): Pick<ConfiguredModel, 'provider' | 'model' | 'api_base'> {
  if (sample === null) return { provider: '*', model: entry.parameters.model, api_base: entry.parameters.api_base ?? null };
  // Of a wildcard, the pattern.
  return { provider: sample.provider, model: entry.group.includes('*') ? splitModel(entry.parameters.model, entry.parameters.custom_llm_provider).name : sample.model, api_base: sample.baseUrl };
}

/** Of one that cannot be used, as far as its own words say it. */
function namesIn({ model = '', api_base: base }: Readonly<Record<string, unknown>>): Pick<ConfiguredModel, 'provider' | 'model' | 'api_base'> {
  const [provider = '', ...rest] = String(model).split('/');
  return { provider, model: rest.join('/'), api_base: typeof base === 'string' ? base : null };
}

/** An entry of the file in the words of the file. */
function parametersOf({ parameters, limits, prices, defaults }: ModelEntry): Record<string, unknown> {
  const all = {
    ...parameters, ...defaults, rpm: limits.rpm, tpm: limits.tpm, max_parallel_requests: limits.maxParallelRequests, timeout: limits.timeout, stream_timeout: limits.streamTimeout, max_retries: limits.maxRetries, weight: limits.weight, order: limits.order,
    tags: limits.tags.length > 0 ? [...limits.tags] : null, input_cost_per_token: prices?.input, output_cost_per_token: prices?.output, cache_read_input_token_cost: prices?.cacheRead, cache_creation_input_token_cost: prices?.cacheWrite, cache_creation_input_token_cost_above_1hr: prices?.cacheWriteHour,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value != null));
}

const at = (time: number | null): string | null => (time === null ? null : new Date(time).toISOString());

function healthOf(deployment: Deployment | null): ConfiguredModel['health'] {
  if (deployment === null) return { state: 'unknown', at: null, reason: null, cooled_until: null, active: 0, first_byte_ms: null };
  const { answeredAt, failure, isCooled, cooledUntil, active, latencyMs } = deployment;
  const failed = failure !== null && failure.at >= (answeredAt ?? 0);
  const state = isCooled ? 'cooling' : failed ? 'failing' : answeredAt === null ? 'unknown' : 'answering';
  return { state, at: at(failed ? failure.at : answeredAt), reason: failed || isCooled ? (failure?.words ?? null) : null, cooled_until: isCooled ? at(cooledUntil) : null, active, first_byte_ms: latencyMs };
}
