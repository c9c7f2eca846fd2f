import type { UsageFigures, UsageSum } from '@deskhand/contracts';
import type { UsageRow } from '../database/entities.ts';
import { askedModel } from '../providers/route.ts';
import { wentWell } from '../usage/model-call.ts';
import { inputTokens } from '../wire/token-usage.ts';

const callTypes: Readonly<Record<string, string>> = { 'openai-chat': 'acompletion', 'openai-responses': 'aresponses', 'anthropic-messages': 'anthropic_messages', 'openai-embeddings': 'aembedding', 'openai-completions': 'atext_completion' };
const at = (time: number): string => new Date(time).toISOString();

/** One call in the shape of LiteLLM's spend logs. Prompts and answers are kept nowhere. */
export function logView(row: UsageRow): object {
  const input = inputTokens(row);
  return {
    request_id: row.id, call_type: callTypes[row.wire] ?? row.wire, api_key: row.keyHash ?? '', spend: row.cost ?? 0, total_tokens: input + row.output, prompt_tokens: input, completion_tokens: row.output,
    startTime: at(row.startedAt), endTime: at(row.startedAt + row.durationMs), completionStartTime: row.firstByteMs == null ? null : at(row.startedAt + row.firstByteMs), request_duration_ms: Math.round(row.durationMs),
    model: row.model, model_id: '', model_group: askedModel(row.modelGroup, row), custom_llm_provider: row.provider, api_base: '', user: row.userId ?? row.keyUser ?? '', team_id: row.keyTeam ?? null, job_id: row.keyJob ?? null, end_user: '',
    session_id: row.conversationId ?? null, cache_hit: row.status === 'cached' ? 'True' : 'False', cache_key: '', request_tags: [], requester_ip_address: null, messages: {}, response: {}, status: wentWell(row.status) ? 'success' : 'failure',
    metadata: {
      status: row.status, http_status: row.httpStatus ?? null, estimated: row.estimated, cost_known: row.cost != null, agent: row.agent ?? null,
      usage: { cache_read_input_tokens: row.cacheRead, cache_creation_input_tokens: row.cacheWrite5m + row.cacheWrite1h, ephemeral_5m_input_tokens: row.cacheWrite5m, ephemeral_1h_input_tokens: row.cacheWrite1h, reasoning_tokens: row.reasoning },
    },
  };
}

interface SpendMetrics {
  spend: number; prompt_tokens: number; completion_tokens: number; cache_read_input_tokens: number; cache_creation_input_tokens: number;
  total_tokens: number; successful_requests: number; failed_requests: number; api_requests: number;
}

function metricsOf(sum: UsageFigures): SpendMetrics {
  return {
    spend: sum.cost, prompt_tokens: sum.input_tokens, completion_tokens: sum.output_tokens, cache_read_input_tokens: sum.cached_tokens, cache_creation_input_tokens: sum.cache_write_tokens,
    total_tokens: sum.input_tokens + sum.output_tokens, successful_requests: sum.calls - sum.failed_calls, failed_requests: sum.failed_calls, api_requests: sum.calls,
  };
}

interface Metered {
  metrics: SpendMetrics;
  metadata: object;
  api_key_breakdown?: Record<string, Metered>;
}
type Breakdown = Record<'mcp_servers' | 'models' | 'model_groups' | 'providers' | 'endpoints' | 'api_keys' | 'entities', Record<string, Metered>>;

/** Sums by day, model and key as LiteLLM's daily activity: days newest first, each broken down. */
export function activityView(rows: readonly UsageSum[]): object {
  const days = new Map<string, { date: string; metrics: SpendMetrics; breakdown: Breakdown }>();
  const total = none();
  for (const row of rows) {
    const metrics = metricsOf(row);
    const date = row.day ?? '';
    const day = days.get(date) ?? { date, metrics: none(), breakdown: { mcp_servers: {}, models: byName(), model_groups: {}, providers: byName(), endpoints: {}, api_keys: byName(), entities: {} } };
    days.set(date, day);
    add(day.metrics, metrics);
    add(total, metrics);
    const key = row.key?.hash ?? '';
    const keyMetadata = { key_alias: row.key?.alias ?? null, team_id: null };
    const model = row.model ?? '';
    for (const [names, name] of [[day.breakdown.models, model], [day.breakdown.providers, providerOf(model)]] as const) {
      const entry = (names[name] ??= { metrics: none(), metadata: {}, api_key_breakdown: byName() });
      add(entry.metrics, metrics);
      add(((entry.api_key_breakdown ??= byName())[key] ??= { metrics: none(), metadata: keyMetadata }).metrics, metrics);
    }
    add((day.breakdown.api_keys[key] ??= { metrics: none(), metadata: keyMetadata }).metrics, metrics);
  }
  const metadata = { ...Object.fromEntries(Object.entries(total).map(([name, value]) => [name === 'total_tokens' ? name : `total_${name}`, value])), page: 1, total_pages: 1, has_more: false };
  return { results: [...days.values()].sort((one, other) => (one.date < other.date ? 1 : -1)), metadata };
}

/** Names are people's: one may be `__proto__`. */
const byName = <Value>(): Record<string, Value> => Object.create(null) as Record<string, Value>;

const none = (): SpendMetrics => ({ spend: 0, prompt_tokens: 0, completion_tokens: 0, cache_read_input_tokens: 0, cache_creation_input_tokens: 0, total_tokens: 0, successful_requests: 0, failed_requests: 0, api_requests: 0 });
const providerOf = (model: string): string => (model.includes('/') ? model.split('/', 1)[0]! : '');

function add(to: SpendMetrics, more: SpendMetrics): void {
  for (const name of Object.keys(to) as (keyof SpendMetrics)[]) to[name] += more[name];
}

/** What was spent each day, on whom and on what, with the days in between on which nothing was. */
export function summaryView(rows: readonly UsageSum[], firstDay: string, lastDay: string): object[] {
  const days = new Map<string, Record<string, unknown> & { spend: number; users: Record<string, number>; models: Record<string, number> }>();
  for (let time = Date.parse(firstDay); time <= Date.parse(lastDay); time += 86_400_000) {
    const startTime = at(time).slice(0, 10);
    days.set(startTime, { startTime, spend: 0, users: byName(), models: byName() });
  }
  for (const row of rows) {
    const day = days.get(row.day ?? '');
    if (day === undefined) continue;
    const [user, model, key] = [row.user_id ?? '', row.model ?? '', row.key?.hash ?? ''];
    day.spend += row.cost;
    day.users[user] = (day.users[user] ?? 0) + row.cost;
    day.models[model] = (day.models[model] ?? 0) + row.cost;
    if (key !== '') day[key] = ((day[key] as number | undefined) ?? 0) + row.cost;
  }
  return [...days.values()];
}

/** Each day's spend of each team, by model and key. */
export function teamReport(rows: readonly UsageSum[], nameOf: (teamId: string | null) => string): object[] {
  const days = new Map<string, Map<string, UsageSum[]>>();
  for (const row of rows) {
    const teams = days.get(row.day ?? '') ?? new Map<string, UsageSum[]>();
    days.set(row.day ?? '', teams);
    const name = nameOf(row.team_id ?? null);
    teams.set(name, [...(teams.get(name) ?? []), row]);
  }
  return [...days].map(([day, teams]) => ({
    group_by_day: day,
    teams: [...teams].map(([team_name, sums]) => ({
      team_name, total_spend: sums.reduce((sum, { cost }) => sum + cost, 0),
      metadata: sums.map(({ model, key, cost, input_tokens, output_tokens }) => ({ model, api_key: key?.hash ?? '', spend: cost, total_tokens: input_tokens + output_tokens })),
    })),
  }));
}

/** Each key's spend, by model; the most expensive first. */
export function keyReport(rows: readonly UsageSum[]): object[] {
  const keys = new Map<string, { api_key: string; total_cost: number; total_input_tokens: number; total_output_tokens: number; model_details: object[] }>();
  for (const { key, model, cost, input_tokens, output_tokens } of rows) {
    const api_key = key?.hash ?? '';
    const entry = keys.get(api_key) ?? { api_key, total_cost: 0, total_input_tokens: 0, total_output_tokens: 0, model_details: [] };
    keys.set(api_key, entry);
    entry.total_cost += cost;
    entry.total_input_tokens += input_tokens;
    entry.total_output_tokens += output_tokens;
    entry.model_details.push({ model, total_cost: cost, total_input_tokens: input_tokens, total_output_tokens: output_tokens });
  }
  return [...keys.values()].sort((one, other) => other.total_cost - one.total_cost);
}
