import type { UsageFigures, UsageSum } from '@deskhand/contracts';
import { wordsOf } from '../api/client.ts';
import type { Endpoints } from '../api/endpoints.ts';
import { largest } from './chart.ts';
import type { Measure } from './measure.ts';
import type { DayRange } from './range.ts';

type Sum = UsageSum & { username?: string | null | undefined };

export interface Report {
  range: DayRange;
  total: UsageFigures;
  byDay: readonly UsageSum[];
  byModel: readonly UsageSum[];
  /** Days of the models that have a share of their own in the chart. */
  byDayOf: ReadonlyMap<string, readonly UsageSum[]>;
  /** One's own: by conversation. Everyone's: by user. */
  byOwner: readonly Sum[];
  byAgent: readonly UsageSum[];
  byKey: readonly UsageSum[];
  /** More models or owners than are listed. */
  more: { models: boolean; owners: boolean };
}

const listed = 100;

/** What a page shows of usage, with its wait and its failure as states. A newer question wins over an older one's late answer. */
export class UsageReport {
  value = $state.raw<Report | null>(null);
  problem = $state<string | null>(null);
  loading = $state(false);
  #asked = 0;

  constructor(private readonly ask: Endpoints['everyonesUsage'] | Endpoints['usage'], private readonly owner: 'conversation' | 'user') {}

  async load(range: DayRange, measure: Measure): Promise<void> {
    const asked = ++this.#asked;
    this.loading = true;
    try {
      const value = await this.#read(range, measure);
      if (asked !== this.#asked) return;
      this.value = value;
      this.problem = null;
    } catch (error) {
      if (asked === this.#asked) this.problem = wordsOf(error);
    } finally {
      if (asked === this.#asked) this.loading = false;
    }
  }

  async #read(range: DayRange, measure: Measure): Promise<Report> {
    const by = async (group_by: string, limit: number, more: Record<string, string> = {}) => this.ask(new URLSearchParams({ ...range, group_by, limit: String(limit), ...more }));
    const [days, models, owners, agents, keys] = await Promise.all([by('day', 500), by('model', listed), by(this.owner, listed), by('agent', 20), by('key', 50)]);
    const names = largest(models.rows, measure);
    const dayRows = await Promise.all(names.map(async (model) => (await by('day', 500, { model })).rows));
    return {
      range, total: days.total, byDay: days.rows, byModel: models.rows, byDayOf: new Map(names.map((name, index) => [name, dayRows[index]!])), byOwner: owners.rows, byAgent: agents.rows, byKey: keys.rows,
      more: { models: models.has_more, owners: owners.has_more },
    };
  }
}
