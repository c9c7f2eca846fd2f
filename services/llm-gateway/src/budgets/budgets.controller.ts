import { budgets, type BudgetView, type ReceivedOf } from '@deskhand/contracts';
import { Serves } from '@deskhand/platform';
import { Controller, Inject } from '@nestjs/common';
import type { BudgetRow } from '../database/entities.ts';
import { KeyCache } from '../keys/key-cache.ts';
import { moneyOf } from '../keys/keys.controller.ts';
import { KeysRepository } from '../keys/keys.repository.ts';
import { BudgetLedger } from './budget-ledger.ts';

/** What users and conversations may spend. */
@Controller()
export class BudgetsController {
  constructor(@Inject(KeysRepository) private readonly keys: KeysRepository, @Inject(KeyCache) private readonly cache: KeyCache, @Inject(BudgetLedger) private readonly ledger: BudgetLedger) {}

  @Serves(budgets.get)
  async get({ kind, id }: ReceivedOf<typeof budgets.get>): Promise<BudgetView> {
    return view(await this.keys.budget(`${kind}:${id}`));
  }

  @Serves(budgets.set)
  async set({ kind, id, max_budget: max, budget_seconds: seconds }: ReceivedOf<typeof budgets.set>): Promise<BudgetView> {
    const row = await this.keys.saveBudget(`${kind}:${id}`, { max, ...(seconds !== undefined && { windowMs: seconds === null ? null : seconds * 1_000 }) });
    this.cache.changed();
    await this.ledger.forget(row.id);
    return view(row);
  }
}

function view(row: BudgetRow | null): BudgetView {
  const money = moneyOf(row);
  return { ...money, left: money.max_budget === null ? null : Math.max(0, money.max_budget - money.spend) };
}
