import { DeclaredError, llmKeys, type KeyHolderView, type ReceivedOf, type VirtualKeyView } from '@deskhand/contracts';
import { Serves } from '@deskhand/platform';
import { Controller, Inject } from '@nestjs/common';
import { BudgetLedger } from '../budgets/budget-ledger.ts';
import { GatewayFileService } from '../configuration/gateway-file.service.ts';
import type { BudgetRow, HolderRow, VirtualKeyRow } from '../database/entities.ts';
import { isDuplicate } from '../database/is-duplicate.ts';
import { boundedChange, type WantedChange } from './bounded-change.ts';
import { extraBudgetId } from './extra-budgets.ts';
import { KeyCache } from './key-cache.ts';
import type { KeyRules } from './key-rules.ts';
import { KeysRepository, type BudgetChange, type KeyChange, type WithBudget } from './keys.repository.ts';

/** Virtual keys, for the web app's administrators. */
@Controller()
export class KeysController {
  private readonly rules: KeyRules;

  constructor(@Inject(KeysRepository) private readonly keys: KeysRepository, @Inject(KeyCache) private readonly cache: KeyCache, @Inject(BudgetLedger) private readonly ledger: BudgetLedger, @Inject(GatewayFileService) { file }: GatewayFileService) {
    this.rules = file.keyRules;
  }

  @Serves(llmKeys.list)
  async list({ limit, offset }: ReceivedOf<typeof llmKeys.list>) {
    const [{ keys, total }, teams, jobs, users] = await Promise.all([this.keys.list({}, limit, offset), this.keys.holders('team'), this.keys.holders('job'), this.keys.holders('user')]);
    return { keys: keys.map(keyView), total, holders: [...teams, ...jobs, ...users].map(holderView) };
  }

  @Serves(llmKeys.make)
  async make(wanted: ReceivedOf<typeof llmKeys.make>) {
    const change = await this.allowed(wanted, true);
    const { key, made } = await this.unlessTaken(async () => this.keys.generate(fieldsOf(change), budgetOf(change)));
    this.cache.changed();
    return { key, view: keyView(made) };
  }

  @Serves(llmKeys.change)
  async change({ id, ...wanted }: ReceivedOf<typeof llmKeys.change>): Promise<VirtualKeyView> {
    const change = await this.allowed(wanted, false);
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

  private async allowed(wanted: WantedChange, isNew: boolean): Promise<WantedChange> {
    // A key of a team that is not there would be held to no budget of it.
    if (wanted.team_id != null && (await this.keys.holder('team', wanted.team_id)) === null) throw new DeclaredError('BAD_INPUT', `There is no team ${wanted.team_id}.`, { field: 'team_id' });
    return boundedChange(wanted, isNew, this.rules);
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

function fieldsOf({ alias, user_id: userId, team_id: teamId, models, rpm_limit: rpm, tpm_limit: tpm, max_parallel_requests: maxParallel, expires_at: expires, blocked }: WantedChange): KeyChange {
  return given({ alias, userId, teamId, models, rpm, tpm, maxParallel, blocked, expiresAt: expires == null ? expires : Date.parse(expires) });
}

const budgetOf = ({ max_budget: max, budget_seconds: seconds }: WantedChange): BudgetChange => given({ max, windowMs: seconds == null ? seconds : seconds * 1_000 });

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
    id: row.hash, name: row.name, alias: row.alias ?? null, user_id: row.userId ?? null, team_id: row.teamId ?? null, job_id: row.jobId ?? null, models: row.models, rpm_limit: row.rpm ?? null, tpm_limit: row.tpm ?? null, max_parallel_requests: row.maxParallel ?? null,
    expires_at: at(row.expiresAt), blocked: row.blocked, created_at: new Date(row.createdAt).toISOString(), ...moneyOf(budget),
    extra_budgets: row.extraBudgets.map((extra) => ({ model: extra.model, ...moneyOf(extras.find(({ id }) => id === extraBudgetId(row.hash, extra)) ?? null), max_budget: extra.max })),
  };
}

function holderView({ row, budget }: WithBudget<HolderRow>): KeyHolderView {
  return { kind: row.kind, id: row.id, alias: row.alias ?? null, models: row.models, blocked: row.blocked, ...moneyOf(budget) };
}
