import type { UsageRow } from '../database/entities.ts';
import { inputTokens } from '../wire/token-usage.ts';

const bounds = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];
/** Names of models may come from callers: so many have lines of their own, the rest are `other`. */
const mostModels = 100;
const longestName = 120;

interface Histogram {
  buckets: number[];
  seconds: number;
  count: number;
}

/** What is counted of one model: every call passes here, so nothing is looked up by text. */
interface Counts {
  labels: string;
  statuses: Map<string, number>;
  input: number;
  cacheRead: number;
  cacheWrite: number;
  output: number;
  reasoning: number;
  dollars: number;
  priced: boolean;
  unpriced: number;
  durations: Histogram;
  firstBytes: Histogram;
}

/** What Prometheus reads from this instance: every call once it is in the books, and how many are at work. */
export class Metrics {
  /** By provider, then by model. */
  readonly #models = new Map<string, Map<string, Counts>>();
  #kept = 0;
  #others: Counts | null = null;
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
      const counts = this.#countsOf(row);
      counts.statuses.set(row.status, (counts.statuses.get(row.status) ?? 0) + 1);
      counts.input += row.uncachedInput;
      counts.cacheRead += row.cacheRead;
      counts.cacheWrite += row.cacheWrite5m + row.cacheWrite1h;
      counts.output += row.output;
      counts.reasoning += row.reasoning;
      if (row.cost != null) {
        counts.dollars += row.cost;
        counts.priced = true;
      } else if (inputTokens(row) + row.output > 0) counts.unpriced++;
      observe(counts.durations, row.durationMs);
      if (row.firstByteMs != null) observe(counts.firstBytes, row.firstByteMs);
    }
  }

  /** The text exposition format. */
  render(): string {
    const all = [...this.#models.values()].flatMap((models) => [...models.values()]);
    if (this.#others !== null) all.push(this.#others);
    const each = (lines: (counts: Counts) => string[]): string[] => all.flatMap(lines);
    const positive = (name: string, value: (counts: Counts) => number): string[] => each((counts) => (value(counts) > 0 ? [`${name}{${counts.labels}} ${value(counts)}`] : []));
    return [
      ...heading('deskhand_llm_calls_total', 'Model calls that are over, by how they ended', 'counter'),
      ...each(({ labels, statuses }) => [...statuses].map(([status, count]) => `deskhand_llm_calls_total{${labels},status="${status}"} ${count}`)),
      ...heading('deskhand_llm_tokens_total', 'Tokens used, each of one kind', 'counter'),
      ...each((counts) => tokenKinds.map(([kind, field]) => `deskhand_llm_tokens_total{${counts.labels},kind="${kind}"} ${counts[field]}`)),
      ...heading('deskhand_llm_reasoning_tokens_total', 'Output tokens that were reasoning', 'counter'), ...positive('deskhand_llm_reasoning_tokens_total', ({ reasoning }) => reasoning),
      ...heading('deskhand_llm_cost_dollars_total', 'US dollars, of calls whose price is known', 'counter'),
      ...each(({ labels, priced, dollars }) => (priced ? [`deskhand_llm_cost_dollars_total{${labels}} ${dollars}`] : [])),
      ...heading('deskhand_llm_unpriced_calls_total', 'Calls that used tokens at a price nobody knows', 'counter'), ...positive('deskhand_llm_unpriced_calls_total', ({ unpriced }) => unpriced),
      ...heading('deskhand_llm_calls_running', 'Model calls at work', 'gauge'), `deskhand_llm_calls_running ${this.#running}`,
      ...heading('deskhand_llm_call_seconds', 'Duration of model calls', 'histogram'), ...each(({ labels, durations }) => histogram('deskhand_llm_call_seconds', labels, durations)),
      ...heading('deskhand_llm_first_byte_seconds', 'Time until a provider\'s first byte', 'histogram'), ...each(({ labels, firstBytes }) => histogram('deskhand_llm_first_byte_seconds', labels, firstBytes)),
      ...heading('process_resident_memory_bytes', 'Resident memory', 'gauge'), `process_resident_memory_bytes ${process.memoryUsage.rss()}`, '',
    ].join('\n');
  }

  #countsOf(row: Pick<UsageRow, 'provider' | 'model'>): Counts {
    const { provider } = row;
    const model = row.model.length > longestName ? row.model.slice(0, longestName) : row.model;
    const known = this.#models.get(provider)?.get(model);
    if (known !== undefined) return known;
    if (this.#kept >= mostModels) return (this.#others ??= noCounts('provider="other",model="other"'));
    const counts = noCounts(`provider="${escaped(provider)}",model="${escaped(model)}"`);
    const ofProvider = this.#models.get(provider) ?? new Map<string, Counts>();
    this.#models.set(provider, ofProvider.set(model, counts));
    this.#kept++;
    return counts;
  }
}

const tokenKinds = [['input', 'input'], ['cache_read', 'cacheRead'], ['cache_write', 'cacheWrite'], ['output', 'output']] as const;
const noHistogram = (): Histogram => ({ buckets: bounds.map(() => 0), seconds: 0, count: 0 });
const noCounts = (labels: string): Counts => ({ labels, statuses: new Map(), input: 0, cacheRead: 0, cacheWrite: 0, output: 0, reasoning: 0, dollars: 0, priced: false, unpriced: 0, durations: noHistogram(), firstBytes: noHistogram() });
const escaped = (text: string): string => text.replace(/\\/g, '\\\\').replace(/\n/g, '\\n').replace(/"/g, '\\"');

/** Buckets hold what is at most their bound, so a short call is in all of them. */
function observe(histogram: Histogram, milliseconds: number): void {
  const seconds = milliseconds / 1_000;
  for (let index = bounds.length - 1; index >= 0 && seconds <= bounds[index]!; index--) histogram.buckets[index]!++;
  histogram.seconds += seconds;
  histogram.count++;
}

const heading = (name: string, help: string, type: string): string[] => [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];

function histogram(name: string, labels: string, { buckets, seconds, count }: Histogram): string[] {
  if (count === 0) return [];
  return [...bounds.map((bound, index) => `${name}_bucket{${labels},le="${bound}"} ${buckets[index]}`), `${name}_bucket{${labels},le="+Inf"} ${count}`, `${name}_sum{${labels}} ${seconds}`, `${name}_count{${labels}} ${count}`];
}
