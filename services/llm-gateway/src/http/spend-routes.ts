import type { IncomingMessage, ServerResponse } from 'node:http';
import { DeclaredError, type UsageGroup, type UsageSum } from '@deskhand/contracts';
import type { BudgetsRepository } from '../budgets/budgets.repository.ts';
import type { Callers } from '../keys/callers.ts';
import type { KeysRepository } from '../keys/keys.repository.ts';
import { hashOf } from '../keys/virtual-keys.ts';
import type { CallsWhere, UsageCalls } from '../usage/usage-calls.ts';
import { hourText, usageRange, type HourRange } from '../usage/usage-range.ts';
import type { UsageReports, UsageWhere } from '../usage/usage-reports.ts';
import { WireError } from '../wire/wire-format.ts';
import { answerJson } from './answers.ts';
import { bounded } from './key-routes.ts';
import { holderView, keyView } from './key-views.ts';
import { activityView, keyReport, logView, summaryView, teamReport } from './spend-views.ts';
import { queryOf } from './settings-request.ts';

export interface SpendRoutesParts {
  callers: Callers;
  keys: KeysRepository;
  budgets: BudgetsRepository;
  reports: UsageReports;
  calls: UsageCalls;
}

type Query = URLSearchParams;
type Handle = (request: IncomingMessage, response: ServerResponse) => Promise<void>;
/** The key that asks about itself; null for the master key, which asks about anybody. */
type Asker = string | null;

/** What a summary may be made of at most; more has to be asked for in smaller ranges. */
const mostSums = 20_000;
const mostPages = 1_000;

/** LiteLLM's API for what was spent. Open to the master key; a virtual key sees what was spent with it. */
export class SpendRoutes {
  /** By path; all take GET unless they are listed in `writes`. */
  readonly routes: ReadonlyMap<string, Handle>;
  readonly writes: ReadonlySet<string> = new Set(['/global/spend/reset']);

  constructor(private readonly parts: SpendRoutesParts) {
    this.routes = new Map<string, Handle>([
      ['/spend/logs', this.answering(async (query, asker) => this.logs(query, asker))],
      ['/spend/keys', this.forMaster(async (query) => (await parts.keys.bySpend(bounded(query.get('limit'), 100, 1_000))).map(keyView))],
      ['/spend/users', this.forMaster(async (query) => this.users(query.get('user_id')))],
      ['/user/daily/activity', this.answering(async (query, asker) => this.activity(query, asker))],
      ['/global/spend/report', this.forMaster(async (query) => this.report(query))],
      ['/global/spend/reset', this.forMaster(async () => this.reset())],
    ]);
  }

  private answering(work: (query: Query, asker: Asker) => Promise<object>): Handle {
    return async (request, response) => {
      const caller = await this.parts.callers.identify(request.headers);
      if (caller.kind === 'run') throw new WireError('forbidden', 'The key of a run does not tell what was spent.');
      const query = queryOf(request);
      answerJson(response, 200, await work(query, caller.kind === 'key' ? caller.key.hash : null).catch(inWireWords));
    };
  }

  private forMaster(work: (query: Query) => Promise<object>): Handle {
    return this.answering(async (query, asker) => {
      if (asker !== null) throw new WireError('forbidden', 'What all keys spent needs the master key.');
      return work(query);
    });
  }

  /** With both dates and unless `summarize=false`: sums by day. Else single calls, newest first, `page_size` (100, at most 1,000) from `page` on. */
  private async logs(query: Query, asker: Asker): Promise<object> {
    const [start, end] = [query.get('start_date'), query.get('end_date')];
    const [id, keyHash, user] = [query.get('request_id') ?? undefined, ownKey(query, asker), query.get('user_id') ?? undefined];
    if (start !== null && end !== null && id === undefined && query.get('summarize')?.toLowerCase() !== 'false') {
      const range = rangeOf(query);
      const rows = await this.sums({ ...range, keyHash, userId: user }, ['day', 'user', 'model', 'key']);
      return summaryView(rows, hourText(range.from).slice(0, 10), hourText(range.to - 1).slice(0, 10));
    }
    const where: CallsWhere = { id, keyHash, user, ...(start !== null && { from: Date.parse(timeOf(start, 'start_date')) }), ...(end !== null && { to: endOf(timeOf(end, 'end_date')) }) };
    const size = bounded(query.get('page_size'), 100, 1_000);
    return (await this.parts.calls.list(where, size, (bounded(query.get('page'), 1, mostPages) - 1) * size)).map(logView);
  }

  private async users(id: string | null): Promise<object> {
    if (id === null) return (await this.parts.keys.holdersBySpend('user', 1_000)).map((holder) => holderView('user', holder));
    return [holderView('user', await this.parts.keys.holder('user', id))];
  }

  private async activity(query: Query, asker: Asker): Promise<object> {
    const range = rangeOf(query);
    return activityView(await this.sums({ ...range, keyHash: ownKey(query, asker), userId: query.get('user_id') ?? undefined, model: query.get('model') ?? undefined }, ['day', 'model', 'key']));
  }

  private async report(query: Query): Promise<object> {
    const range = rangeOf(query);
    const [keyHash, userId] = [ownKey(query, null), query.get('internal_user_id') ?? undefined];
    const group = query.get('group_by') ?? 'team';
    if (group !== 'team' && group !== 'api_key') throw new WireError('bad-request', `group_by takes team or api_key here, not ${group.slice(0, 50)}.`, 'group_by');
    if (group === 'api_key' || keyHash !== undefined || userId !== undefined) return keyReport(await this.sums({ ...range, keyHash, userId }, ['key', 'model']));
    const teams = new Map((await this.parts.keys.holders('team')).map(({ row }) => [row.id, row.alias ?? row.id]));
    const wanted = query.get('team_id');
    const rows = await this.sums(range, ['day', 'team', 'model', 'key']);
    return teamReport(rows.filter(({ team_id }) => wanted === null || team_id === wanted), (id) => (id === null ? 'Unassigned Team' : (teams.get(id) ?? id)));
  }

  /** What was spent is nothing again for all keys and teams; the calls stay in the books. */
  private async reset(): Promise<object> {
    await this.parts.budgets.resetSpend(['key', 'team']);
    return { message: 'Spend for all API Keys and Teams reset successfully', status: 'success' };
  }

  private async sums(where: UsageWhere, groups: UsageGroup[]): Promise<UsageSum[]> {
    const { rows, hasMore } = await this.parts.reports.rows(where, groups, mostSums);
    if (hasMore) throw new WireError('bad-request', `This is made of more than ${mostSums} sums. Ask for a shorter range.`, 'start_date');
    return rows;
  }
}

/** Throws `WireError` when a key asks about another. */
function ownKey(query: Query, asker: Asker): string | undefined {
  const asked = query.get('api_key');
  const hash = asked === null ? asker : /^[0-9a-f]{64}$/.test(asked) ? asked : hashOf(asked);
  if (asker !== null && hash !== asker) throw new WireError('forbidden', 'A key may ask about itself only.', 'api_key');
  return hash ?? undefined;
}

function rangeOf(query: Query): HourRange {
  const [start, end] = [query.get('start_date'), query.get('end_date')];
  if (start === null || end === null) throw new WireError('bad-request', 'Please provide start_date and end_date.', start === null ? 'start_date' : 'end_date');
  return usageRange(timeOf(start, 'start_date'), timeOf(end, 'end_date'));
}

/** `2026-11-21`, `2026-11-21 08:00:00` or RFC 3339, of UTC where no zone is said. */
function timeOf(text: string, name: string): string {
  const match = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)(Z|[+-]\d\d:\d\d)?)?$/.exec(text.trim());
  const time = match && (match[2] === undefined ? match[1]! : `${match[1]}T${match[2]}${match[3] ?? 'Z'}`);
  if (time === null || Number.isNaN(Date.parse(time))) throw new WireError('bad-request', `${name} must be like 2026-11-21 or 2026-11-21 08:00:00.`, name);
  return time;
}

const endOf = (time: string): number => Date.parse(time) + (time.length === 10 ? 86_400_000 : 0);

function inWireWords(error: unknown): never {
  throw error instanceof DeclaredError && error.code === 'BAD_INPUT' ? new WireError('bad-request', error.message, 'start_date') : error;
}
