import { Database, type EntityManager } from '@deskhand/platform';
import { LockMode } from '@deskhand/platform/database';
import { Inject, Injectable } from '@nestjs/common';
import { GatewaySettings } from '../gateway-config.ts';
import { budgetEntity, budgetLeaseEntity, virtualKeyEntity, type BudgetRow, type UsageRow, type VirtualKeyRow } from '../database/entities.ts';
import { extraBudgetId } from '../keys/extra-budgets.ts';
import { askedModel } from '../providers/route.ts';
import { Router } from '../routing/router.ts';
import { nothing, type BudgetLeases, type Lease } from './budget-ledger.ts';
import { countsFor } from './model-budgets.ts';

/** Budgets in the database: what is spent, and what instances have leased. Both together never exceed the maximum. */
@Injectable()
export class BudgetsRepository implements BudgetLeases {
  private readonly instance: string;

  constructor(@Inject(Database) private readonly database: Database, @Inject(GatewaySettings) settings: GatewaySettings, @Inject(Router) private readonly router: Router) {
    this.instance = settings.values.SERVICE_INSTANCE;
  }

  async lease(budgetId: string, least: number, wanted: number): Promise<Lease> {
    return this.database.lockingTransaction(async (em) => {
      const budget = await em.findOne(budgetEntity, budgetId, { lockMode: LockMode.PESSIMISTIC_WRITE });
      // A budget that was taken away meanwhile holds nobody up.
      if (budget === null || budget.max === null || budget.max === undefined) return { granted: wanted, left: wanted, windowEnd: null };
      await this.beginAnew(em, budget);
      const free = budget.max - budget.spend - budget.leased;
      const windowEnd = budget.resetsAt ?? null;
      if (free + nothing < least) return { granted: 0, left: Math.max(0, free), windowEnd };
      const granted = Math.min(wanted, free);
      budget.leased += granted;
      const lease = await em.findOne(budgetLeaseEntity, { budgetId, instance: this.instance });
      if (lease === null) em.create(budgetLeaseEntity, { budgetId, instance: this.instance, amount: granted });
      else lease.amount += granted;
      return { granted, left: free - granted, windowEnd, isFirst: lease === null };
    });
  }

  async giveBack(budgetId: string, amount: number): Promise<void> {
    await this.database.lockingTransaction(async (em) => {
      const budget = await em.findOne(budgetEntity, budgetId, { lockMode: LockMode.PESSIMISTIC_WRITE });
      const lease = await em.findOne(budgetLeaseEntity, { budgetId, instance: this.instance });
      if (budget === null || lease === null) return;
      const back = Math.min(lease.amount, amount);
      lease.amount -= back;
      budget.leased = Math.max(0, budget.leased - back);
    });
  }

  /** Adds what stored calls cost to their budgets, in the transaction that stores them: so each counts exactly once. */
  async spend(em: EntityManager, rows: readonly UsageRow[]): Promise<void> {
    const calls = new Map<string, UsageRow[]>();
    const keys = await keysWithExtras(em, rows);
    for (const row of rows) {
      for (const id of [...budgetIdsOf(row), ...this.extraIdsOf(row, keys)]) {
        const known = calls.get(id);
        if (known === undefined) calls.set(id, [row]);
        else known.push(row);
      }
    }
    // In one order everywhere: two instances never wait for each other.
    for (const [id, counted] of [...calls].sort(([one], [other]) => (one < other ? -1 : 1))) {
      const budget = await em.findOne(budgetEntity, id, { lockMode: LockMode.PESSIMISTIC_WRITE });
      if (budget === null) continue;
      await this.beginAnew(em, budget);
      const cost = costSince(windowBegin(budget), counted);
      budget.spend += cost;
      const lease = await em.findOne(budgetLeaseEntity, { budgetId: id, instance: this.instance });
      if (lease === null) continue;
      const paid = Math.min(lease.amount, cost);
      lease.amount -= paid;
      budget.leased = Math.max(0, budget.leased - paid);
    }
  }

  /** Gives back what this process had leased, or the one before it, once its calls are accounted for. */
  async release(): Promise<void> {
    const { instance } = this;
    await this.database.lockingTransaction(async (em) => {
      const leases = await em.find(budgetLeaseEntity, { instance });
      for (const { budgetId } of leases.sort((one, other) => (one.budgetId < other.budgetId ? -1 : 1))) {
        const budget = await em.findOne(budgetEntity, budgetId, { lockMode: LockMode.PESSIMISTIC_WRITE });
        // Another instance may have begun the budget's next window until now.
        const lease = await em.findOne(budgetLeaseEntity, { budgetId, instance }, { refresh: true });
        if (lease === null) continue;
        if (budget !== null) budget.leased = Math.max(0, budget.leased - lease.amount);
        em.remove(lease);
      }
    });
  }

  /** Nothing is spent of the budgets of these kinds any more. What is leased stays leased. */
  async resetSpend(kinds: readonly string[]): Promise<void> {
    await this.database.transaction(async (em) => em.nativeUpdate(budgetEntity, { $or: kinds.map((kind) => ({ id: { $like: `${kind}:%` } })) }, { spend: 0 }));
  }

  private extraIdsOf({ keyHash, modelGroup, provider, model }: UsageRow, keys: Keys): string[] {
    const key = keyHash == null ? undefined : keys.get(keyHash);
    if (keyHash == null || key === undefined) return [];
    const asked = askedModel(modelGroup, { provider, model });
    return key.extraBudgets.filter((extra) => extra.model === null || countsFor(extra.model, asked, key.aliases, this.router)).map((extra) => extraBudgetId(keyHash, extra));
  }

  /** A window that is over: nothing is spent, and no lease of it counts any more. */
  private async beginAnew(em: EntityManager, budget: BudgetRow): Promise<void> {
    const now = Date.now();
    if (budget.resetsAt == null || budget.windowMs == null || budget.resetsAt > now) return;
    const passed = Math.floor((now - budget.resetsAt) / budget.windowMs) + 1;
    Object.assign(budget, { spend: 0, leased: 0, resetsAt: budget.resetsAt + passed * budget.windowMs });
    await em.flush();
    await em.nativeDelete(budgetLeaseEntity, { budgetId: budget.id });
  }
}

/** Unix milliseconds. By a clock that went back no call says whether it is older. */
function windowBegin({ resetsAt, windowMs }: BudgetRow): number {
  const begin = resetsAt == null || windowMs == null ? -Infinity : resetsAt - windowMs;
  return begin > Date.now() ? -Infinity : begin;
}

/** A call that began in the window before was set aside there: what it cost is not this one's, which has not held it back from anybody. */
const costSince = (begin: number, rows: readonly UsageRow[]): number => rows.reduce((sum, { startedAt, cost }) => (startedAt < begin ? sum : sum + (cost ?? 0)), 0);

type Keys = ReadonlyMap<string, Pick<VirtualKeyRow, 'extraBudgets' | 'aliases'>>;

/** By their hashes. */
async function keysWithExtras(em: EntityManager, rows: readonly UsageRow[]): Promise<Keys> {
  const hashes = [...new Set(rows.flatMap(({ keyHash }) => keyHash ?? []))];
  const keys = hashes.length === 0 ? [] : await em.find(virtualKeyEntity, { hash: { $in: hashes } });
  return new Map(keys.flatMap((key) => (key.extraBudgets.length === 0 ? [] : [[key.hash, key] as const])));
}

/** The budgets that a call counts in, without the extra ones of its key. */
export function budgetIdsOf({ keyHash, keyUser, keyTeam, keyJob, userId, conversationId, source }: Pick<UsageRow, 'keyHash' | 'keyUser' | 'keyTeam' | 'keyJob' | 'userId' | 'conversationId' | 'source'>): string[] {
  // What a person pays with a key of their own is not the installation's to cap.
  const user = keyUser ?? (source === 'user' ? null : userId);
  return [
    ...(keyHash == null ? [] : [`key:${keyHash}`]), ...(user == null ? [] : [`user:${user}`]), ...(keyTeam == null ? [] : [`team:${keyTeam}`]), ...(keyJob == null ? [] : [`job:${keyJob}`]),
    ...(conversationId == null ? [] : [`conversation:${conversationId}`]),
  ];
}
