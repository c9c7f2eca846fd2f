import { DeclaredError, llmKeys, type KeyHolderView, type ReceivedOf, type VirtualKeyView } from '@deskhand/contracts';
import { Serves } from '@deskhand/platform';
import { Controller, Inject } from '@nestjs/common';
import { BudgetLedger } from '../budgets/budget-ledger.ts';
import type { BudgetRow, HolderRow, VirtualKeyRow } from '../database/entities.ts';
import { isDuplicate } from '../database/is-duplicate.ts';
import { extraBudgetId } from './extra-budgets.ts';
import { KeyCache } from './key-cache.ts';
import { KeysRepository, type BudgetChange, type KeyChange, type WithBudget } from './keys.repository.ts';

type Change = Omit<ReceivedOf<typeof llmKeys.change>, 'id'>;

/** Virtual keys, for the web app's administrators. */
@Controller()
export class KeysController {
  constructor(@Inject(KeysRepository) private readonly keys: KeysRepository, @Inject(KeyCache) private readonly cache: KeyCache, @Inject(BudgetLedger) private readonly ledger: BudgetLedger) {}

  @Serves(llmKeys.list)
  async list({ limit, offset }: ReceivedOf<typeof llmKeys.list>) {
    const [{ keys, total }, teams, users] = await Promise.all([this.keys.list({}, limit, offset), this.keys.holders('team'), this.keys.holders('user')]);
    return { keys: keys.map(keyView), total, holders: [...teams, ...users].map(holderView) };
  }

  @Serves(llmKeys.make)
  async make(change: ReceivedOf<typeof llmKeys.make>) {
    const { key, made } = await this.unlessTaken(async () => this.keys.generate(fieldsOf(change), budgetOf(change)));
    this.cache.changed();
    return { key, view: keyView(made) };
  }

  @Serves(llmKeys.change)
  async change({ id, ...change }: ReceivedOf<typeof llmKeys.change>): Promise<VirtualKeyView> {
    const changed = await this.unlessTaken(async () => this.keys.change(id, fieldsOf(change), budgetOf(change)));
    if (changed === null) throw unknownKey();
    this.cache.changed();
    await this.ledger.forget(`key:${id}`);
    return keyView(changed);
  }

  @Serves(llmKeys.remove)
  async remove({ id }: ReceivedOf<typeof llmKeys.remove>) {
    if ((await this.keys.remove([id])).length === 0) throw unknownKey();
    this.cache.changed();
    return {};
  }

  private async unlessTaken<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      throw isDuplicate(error) ? new DeclaredError('CONFLICT', 'Another key has this name.', { field: 'alias' }) : error;
    }
  }
}

const unknownKey = (): DeclaredError => new DeclaredError('NOT_FOUND', 'There is no such key.');

function fieldsOf({ alias, user_id: userId, team_id: teamId, models, rpm_limit: rpm, tpm_limit: tpm, max_parallel_requests: maxParallel, expires_at: expires, blocked }: Change): KeyChange {
  return given({ alias, userId, teamId, models, rpm, tpm, maxParallel, blocked, expiresAt: expires == null ? expires : Date.parse(expires) });
}

const budgetOf = ({ max_budget: max, budget_seconds: seconds }: Change): BudgetChange => given({ max, windowMs: seconds == null ? seconds : seconds * 1_000 });

/** Without the fields that were not given: those stay as they are. */
function given<Fields extends object>(fields: Fields): { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> };
}

const at = (time: number | null | undefined): string | null => (time == null ? null : new Date(time).toISOString());

export function moneyOf(budget: BudgetRow | null): Pick<KeyHolderView, 'spend' | 'max_budget' | 'budget_seconds' | 'budget_resets_at'> {
  const over = budget?.resetsAt != null && budget.resetsAt <= Date.now();
  // The row begins its next window with the next call.
  return { spend: over ? 0 : (budget?.spend ?? 0), max_budget: budget?.max ?? null, budget_seconds: budget?.windowMs == null ? null : Math.round(budget.windowMs / 1_000), budget_resets_at: over ? null : at(budget?.resetsAt) };
}

function keyView({ row, budget, extras = [] }: WithBudget<VirtualKeyRow>): VirtualKeyView {
  return {
    id: row.hash, name: row.name, alias: row.alias ?? null, user_id: row.userId ?? null, team_id: row.teamId ?? null, models: row.models, rpm_limit: row.rpm ?? null, tpm_limit: row.tpm ?? null, max_parallel_requests: row.maxParallel ?? null,
    expires_at: at(row.expiresAt), blocked: row.blocked, created_at: new Date(row.createdAt).toISOString(), ...moneyOf(budget),
    extra_budgets: row.extraBudgets.map((extra) => ({ model: extra.model, ...moneyOf(extras.find(({ id }) => id === extraBudgetId(row.hash, extra)) ?? null), max_budget: extra.max })),
  };
}

function holderView({ row, budget }: WithBudget<HolderRow>): KeyHolderView {
  return { kind: row.kind, id: row.id, alias: row.alias ?? null, models: row.models, blocked: row.blocked, ...moneyOf(budget) };
}
