import { durationText } from '../budgets/duration.ts';
import type { BudgetRow, HolderRow, VirtualKeyRow } from '../database/entities.ts';
import { extraBudgetId, type ExtraBudget } from '../keys/extra-budgets.ts';
import type { HolderKind, WithBudget } from '../keys/keys.repository.ts';
import { WireError } from '../wire/wire-format.ts';

export const unknown = (what: string): WireError => new WireError('not-found', `There is no such ${what}.`, what, `${what}_not_found`);

const at = (time: number | null | undefined): string | null => (time == null ? null : new Date(time).toISOString());

function budgetView(budget: BudgetRow | null): object {
  return { spend: budget?.spend ?? 0, max_budget: budget?.max ?? null, budget_duration: budget?.windowMs == null ? null : durationText(budget.windowMs), budget_reset_at: at(budget?.resetsAt) };
}

/** The row begins its next window with the next call. */
const spentOf = ({ spend, resetsAt }: BudgetRow): number => (resetsAt != null && resetsAt <= Date.now() ? 0 : spend);

const limitsView = ({ rpm, tpm, maxParallel }: Pick<VirtualKeyRow, 'rpm' | 'tpm' | 'maxParallel'>): object => ({ rpm_limit: rpm ?? null, tpm_limit: tpm ?? null, max_parallel_requests: maxParallel ?? null });

function extraView({ hash, extraBudgets: all }: VirtualKeyRow, budgets: readonly BudgetRow[]): object {
  const money = (extra: ExtraBudget): object => {
    const budget = budgets.find(({ id }) => id === extraBudgetId(hash, extra));
    return budget === undefined ? {} : { spend: spentOf(budget), reset_at: at(budget.resetsAt) };
  };
  const windows = all.filter(({ model }) => model === null).map((extra) => ({ budget_duration: extra.duration, max_budget: extra.max, ...money(extra) }));
  const models = all.flatMap((extra) => (extra.model === null ? [] : [[extra.model, { budget_limit: extra.max, time_period: extra.duration, ...money(extra) }] as const]));
  return { budget_limits: windows, model_max_budget: Object.fromEntries(models) };
}

/** A key, as LiteLLM answers. */
export function keyView({ row, budget, extras = [] }: WithBudget<VirtualKeyRow>): object {
  return {
    token: row.hash, key_name: row.name, key_alias: row.alias ?? null, user_id: row.userId ?? null, team_id: row.teamId ?? null, job_id: row.jobId ?? null, models: row.models, aliases: row.aliases, ...limitsView(row),
    expires: at(row.expiresAt), blocked: row.blocked, metadata: row.metadata, created_at: at(row.createdAt), ...budgetView(budget), ...extraView(row, extras),
  };
}

/** A user or a team, as LiteLLM answers, and a job like them. Throws `WireError` when there is none. */
export function holderView(kind: HolderKind, found: WithBudget<HolderRow> | null): object {
  if (found === null) throw unknown(kind);
  const { row, budget } = found;
  const names = { [`${kind}_id`]: row.id, [`${kind}_alias`]: row.alias ?? null, ...(kind === 'user' && { user_email: row.email ?? null }), ...(kind === 'team' && { members_with_roles: row.members }) };
  return { ...names, models: row.models, ...limitsView(row), blocked: row.blocked, metadata: row.metadata, created_at: at(row.createdAt), ...budgetView(budget) };
}
