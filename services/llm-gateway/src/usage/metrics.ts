import { inputTokens } from '../wire/token-usage.ts';
import type { CallOutcome, ModelCall } from './model-call.ts';

const bounds = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];
/** Providers times statuses: few. Model names come from callers, so they are no label. */
type Counts = Map<string, number>;

/** What Prometheus reads from this instance. */
export class Metrics {
  private readonly calls: Counts = new Map();
  private readonly tokens: Counts = new Map();
  private readonly buckets: number[] = bounds.map(() => 0);
  private seconds = 0;
  private count = 0;
  private running = 0;

  begin(): void {
    this.running++;
  }

  end(call: ModelCall, outcome: CallOutcome): void {
    this.running--;
    const { provider } = call.route;
    add(this.calls, `provider="${provider}",status="${outcome.status}"`, 1);
    add(this.tokens, `provider="${provider}",kind="input"`, inputTokens(outcome.usage));
    add(this.tokens, `provider="${provider}",kind="output"`, outcome.usage.output);
    const seconds = (performance.now() - call.startedMark) / 1_000;
    this.seconds += seconds;
    this.count++;
    for (const [index, bound] of bounds.entries()) if (seconds <= bound) this.buckets[index] = (this.buckets[index] ?? 0) + 1;
  }

  /** The text exposition format. */
  render(): string {
    const memory = process.memoryUsage.rss();
    return [
      ...counter('deskhand_llm_calls_total', 'Model calls that are over', this.calls),
      ...counter('deskhand_llm_tokens_total', 'Tokens used', this.tokens),
      '# HELP deskhand_llm_calls_running Model calls at work', '# TYPE deskhand_llm_calls_running gauge', `deskhand_llm_calls_running ${this.running}`,
      '# HELP deskhand_llm_call_seconds Duration of model calls', '# TYPE deskhand_llm_call_seconds histogram',
      ...bounds.map((bound, index) => `deskhand_llm_call_seconds_bucket{le="${bound}"} ${this.buckets[index]}`),
      `deskhand_llm_call_seconds_bucket{le="+Inf"} ${this.count}`, `deskhand_llm_call_seconds_sum ${this.seconds}`, `deskhand_llm_call_seconds_count ${this.count}`,
      '# HELP process_resident_memory_bytes Resident memory', '# TYPE process_resident_memory_bytes gauge', `process_resident_memory_bytes ${memory}`, '',
    ].join('\n');
  }
}

function add(counts: Counts, labels: string, amount: number): void {
  counts.set(labels, (counts.get(labels) ?? 0) + amount);
}

function counter(name: string, help: string, counts: Counts): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} counter`, ...[...counts].map(([labels, value]) => `${name}{${labels}} ${value}`)];
}
