import type { UsageRow } from '../database/entities.ts';
import { inputTokens } from '../wire/token-usage.ts';

const bounds = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];
/** Names of models may come from callers: so many have lines of their own, the rest are `other`. */
const mostModels = 100;
const longestName = 120;

type Counts = Map<string, number>;

interface Histogram {
  buckets: number[];
  seconds: number;
  count: number;
}

/** What Prometheus reads from this instance: every call once it is in the books, and how many are at work. */
export class Metrics {
  readonly #calls: Counts = new Map();
  readonly #tokens: Counts = new Map();
  readonly #reasoning: Counts = new Map();
  readonly #dollars: Counts = new Map();
  readonly #unpriced: Counts = new Map();
  readonly #durations = new Map<string, Histogram>();
  readonly #firstBytes = new Map<string, Histogram>();
  readonly #models = new Set<string>();
  #running = 0;

  begin(): void {
    this.#running++;
  }

  end(): void {
    this.#running--;
  }

  /** Calls that are accounted for, with what they cost. */
  stored(rows: readonly UsageRow[]): void {
    for (const row of rows) {
      const labels = this.#labelsOf(row);
      const tokens: [string, number][] = [['input', row.uncachedInput], ['cache_read', row.cacheRead], ['cache_write', row.cacheWrite5m + row.cacheWrite1h], ['output', row.output]];
      add(this.#calls, `${labels},status="${row.status}"`, 1);
      for (const [kind, amount] of tokens) add(this.#tokens, `${labels},kind="${kind}"`, amount);
      if (row.reasoning > 0) add(this.#reasoning, labels, row.reasoning);
      if (row.cost != null) add(this.#dollars, labels, row.cost);
      else if (inputTokens(row) + row.output > 0) add(this.#unpriced, labels, 1);
      observe(this.#durations, labels, row.durationMs);
      if (row.firstByteMs != null) observe(this.#firstBytes, labels, row.firstByteMs);
    }
  }

  /** The text exposition format. */
  render(): string {
    return [
      ...counter('deskhand_llm_calls_total', 'Model calls that are over, by how they ended', this.#calls),
      ...counter('deskhand_llm_tokens_total', 'Tokens used, each of one kind', this.#tokens),
      ...counter('deskhand_llm_reasoning_tokens_total', 'Output tokens that were reasoning', this.#reasoning),
      ...counter('deskhand_llm_cost_dollars_total', 'US dollars, of calls whose price is known', this.#dollars),
      ...counter('deskhand_llm_unpriced_calls_total', 'Calls that used tokens at a price nobody knows', this.#unpriced),
      '# HELP deskhand_llm_calls_running Model calls at work', '# TYPE deskhand_llm_calls_running gauge', `deskhand_llm_calls_running ${this.#running}`,
      ...histogram('deskhand_llm_call_seconds', 'Duration of model calls', this.#durations),
      ...histogram('deskhand_llm_first_byte_seconds', 'Time until a provider\'s first byte', this.#firstBytes),
      '# HELP process_resident_memory_bytes Resident memory', '# TYPE process_resident_memory_bytes gauge', `process_resident_memory_bytes ${process.memoryUsage.rss()}`, '',
    ].join('\n');
  }

  #labelsOf({ provider, model }: Pick<UsageRow, 'provider' | 'model'>): string {
    const name = `provider="${escaped(provider)}",model="${escaped(model)}"`;
    if (this.#models.has(name)) return name;
    if (this.#models.size >= mostModels) return 'provider="other",model="other"';
    this.#models.add(name);
    return name;
  }
}

const escaped = (text: string): string => text.slice(0, longestName).replace(/\\/g, '\\\\').replace(/\n/g, '\\n').replace(/"/g, '\\"');

function add(counts: Counts, labels: string, amount: number): void {
  counts.set(labels, (counts.get(labels) ?? 0) + amount);
}

function observe(histograms: Map<string, Histogram>, labels: string, milliseconds: number): void {
  let histogram = histograms.get(labels);
  if (histogram === undefined) histograms.set(labels, (histogram = { buckets: bounds.map(() => 0), seconds: 0, count: 0 }));
  const seconds = milliseconds / 1_000;
  for (const [index, bound] of bounds.entries()) if (seconds <= bound) histogram.buckets[index]!++;
  histogram.seconds += seconds;
  histogram.count++;
}

const heading = (name: string, help: string, type: string): string[] => [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];

function counter(name: string, help: string, counts: Counts): string[] {
  return [...heading(name, help, 'counter'), ...[...counts].map(([labels, value]) => `${name}{${labels}} ${value}`)];
}

function histogram(name: string, help: string, histograms: ReadonlyMap<string, Histogram>): string[] {
  const lines = [...histograms].flatMap(([labels, { buckets, seconds, count }]) => [
    ...bounds.map((bound, index) => `${name}_bucket{${labels},le="${bound}"} ${buckets[index]}`), `${name}_bucket{${labels},le="+Inf"} ${count}`, `${name}_sum{${labels}} ${seconds}`, `${name}_count{${labels}} ${count}`,
  ]);
  return [...heading(name, help, 'histogram'), ...lines];
}
