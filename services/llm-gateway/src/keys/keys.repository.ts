import { randomBytes } from 'node:crypto';
import { Database, type EntityManager } from '@deskhand/platform';
import { LockMode } from '@deskhand/platform/database';
import { Inject, Injectable } from '@nestjs/common';
import type { Budget } from '../budgets/budget-ledger.ts';
import { durationMs } from '../budgets/duration.ts';
import { budgetEntity, budgetLeaseEntity, holderEntity, virtualKeyEntity, type BudgetRow, type HolderRow, type TeamMember, type VirtualKeyRow } from '../database/entities.ts';
import { extraBudgetId, type ExtraBudget } from './extra-budgets.ts';
import { heldByRun, runOf } from './run-holder.ts';
import { hashOf, type VirtualKey } from './virtual-keys.ts';

export type HolderKind = HolderRow['kind'];
export type KeyChange = Partial<Pick<VirtualKeyRow, 'alias' | 'userId' | 'teamId' | 'jobId' | 'models' | 'aliases' | 'rpm' | 'tpm' | 'maxParallel' | 'expiresAt' | 'blocked' | 'metadata'>>;
export type HolderChange = Partial<Pick<HolderRow, 'alias' | 'email' | 'models' | 'members' | 'rpm' | 'tpm' | 'maxParallel' | 'blocked' | 'metadata'>>;
/** `max` null: no cap; absent: as it is. */
export interface BudgetChange {
  max?: number | null;
  windowMs?: number | null;
}

/** Replaces a key's budgets of windows, or of models; absent: they stay. */
export interface ExtraBudgetChange {
  windows?: ExtraBudget[];
  models?: ExtraBudget[];
}

export interface WithBudget<Row> {
  row: Row;
  budget: BudgetRow | null;
  /** What became of a key's extra budgets, where it was asked for. */
  extras?: BudgetRow[];
}

/** Virtual keys, their users, teams and jobs, and their budgets. */
@Injectable()
export class KeysRepository {
  constructor(@Inject(Database) private readonly database: Database) {}

  /** A new key. It is given back once and kept nowhere. `wanted`: one that the caller chose. */
  async generate(change: KeyChange, budget: BudgetChange, wanted?: string, extra: ExtraBudgetChange = {}): Promise<{ key: string; made: WithBudget<VirtualKeyRow> }> {
    const key = wanted ?? `sk-${randomBytes(24).toString('base64url')}`;
    const made = await this.database.transaction(async (em) => {
      const row = em.create(virtualKeyEntity, {
        hash: hashOf(key), name: `${key.slice(0, 3)}...${key.slice(-4)}`, alias: null, userId: null, teamId: null, jobId: null, models: [], aliases: {}, rpm: null, tpm: null, maxParallel: null, expiresAt: null, blocked: false, metadata: {}, extraBudgets: [],
        createdAt: Date.now(), ...change,
      });
      return { row, budget: await this.setBudget(em, `key:${row.hash}`, budget), extras: await this.setExtraBudgets(em, row, extra) };
    });
    return { key, made };
  }

  /** Null when there is no such key. */
  async change(hash: string, change: KeyChange, budget: BudgetChange, extra: ExtraBudgetChange = {}): Promise<WithBudget<VirtualKeyRow> | null> {
    return this.database.transaction(async (em) => {
      const row = await em.findOne(virtualKeyEntity, hash);
      if (row === null) return null;
      Object.assign(row, change);
      return { row, budget: await this.setBudget(em, `key:${hash}`, budget), extras: await this.setExtraBudgets(em, row, extra) };
    });
  }

  /** The same key's settings and money under a new key; the old one opens nothing any more. */
  async regenerate(hash: string): Promise<{ key: string; made: WithBudget<VirtualKeyRow> } | null> {
    const key = `sk-${randomBytes(24).toString('base64url')}`;
    const made = await this.database.transaction(async (em) => {
      const old = await em.findOne(virtualKeyEntity, hash);
      if (old === null) return null;
      const { alias, userId, teamId, jobId, models, aliases, rpm, tpm, maxParallel, expiresAt, blocked, metadata, extraBudgets, createdAt } = old;
      const money = await em.findOne(budgetEntity, `key:${hash}`);
      const extras = await em.find(budgetEntity, { id: { $in: idsOfExtra(old) } });
      await em.nativeDelete(virtualKeyEntity, { hash });
      await em.nativeDelete(budgetEntity, { id: { $in: idsOfExtra(old) } });
      em.clear();
      const row = em.create(virtualKeyEntity, { hash: hashOf(key), name: `${key.slice(0, 3)}...${key.slice(-4)}`, alias, userId, teamId, jobId, models, aliases, rpm, tpm, maxParallel, expiresAt, blocked, metadata, extraBudgets, createdAt });
      const budget = em.create(budgetEntity, { id: `key:${row.hash}`, max: money?.max ?? null, spend: (money?.spend ?? 0) + (money?.leased ?? 0), leased: 0, windowMs: money?.windowMs ?? null, resetsAt: money?.resetsAt ?? null });
      const moved = extras.map(({ id, max, spend, leased, windowMs, resetsAt }) => em.create(budgetEntity, { id: id.replace(hash, row.hash), max, spend: spend + leased, leased: 0, windowMs, resetsAt }));
      return { row, budget, extras: moved };
    });
    return made && { key, made };
  }

  async remove(hashes: readonly string[]): Promise<string[]> {
    return this.database.transaction(async (em) => {
      const rows = await em.find(virtualKeyEntity, { hash: { $in: [...hashes] } });
      for (const row of rows) em.remove(row);
      await em.flush();
      await removeBudgets(em, rows.flatMap((row) => [`key:${row.hash}`, ...idsOfExtra(row)]));
      return rows.map(({ hash }) => hash);
    });
  }

  async info(hash: string): Promise<WithBudget<VirtualKeyRow> | null> {
    return this.database.read(async (em) => {
      const row = await em.findOne(virtualKeyEntity, hash);
      return row && { row, budget: await em.findOne(budgetEntity, `key:${hash}`), extras: await em.find(budgetEntity, { id: { $in: idsOfExtra(row) } }) };
    });
  }

  async list(where: { userId?: string; teamId?: string; jobId?: string; alias?: string }, limit: number, offset: number): Promise<{ keys: WithBudget<VirtualKeyRow>[]; total: number }> {
    return this.database.read(async (em) => {
      const [rows, total] = await em.findAndCount(virtualKeyEntity, where, { orderBy: { createdAt: 'desc', hash: 'asc' }, limit, offset });
      const budgets = new Map((await em.find(budgetEntity, { id: { $in: rows.flatMap((row) => [`key:${row.hash}`, ...idsOfExtra(row)]) } })).map((budget) => [budget.id, budget]));
      return { keys: rows.map((row) => ({ row, budget: budgets.get(`key:${row.hash}`) ?? null, extras: idsOfExtra(row).flatMap((id) => budgets.get(id) ?? []) })), total };
    });
  }

  /** The keys that spent most, the most expensive first. */
  async bySpend(limit: number): Promise<WithBudget<VirtualKeyRow>[]> {
    return this.database.read(async (em) => {
      const budgets = await mostSpent(em, 'key', limit);
      return (await em.find(virtualKeyEntity, { hash: { $in: [...budgets.keys()] } })).map((row) => ({ row, budget: budgets.get(row.hash)! })).sort(bySpend);
    });
  }

  /** The users, teams or jobs that spent most, the most expensive first. */
  async holdersBySpend(kind: HolderKind, limit: number): Promise<WithBudget<HolderRow>[]> {
    return this.database.read(async (em) => {
      const budgets = await mostSpent(em, kind, limit);
      return (await em.find(holderEntity, { kind, id: { $in: [...budgets.keys()] } })).map((row) => ({ row, budget: budgets.get(row.id)! })).sort(bySpend);
    });
  }

  /** Makes or changes a user, a team or a job. `null` for `mustBe: 'there'` when it is not. */
  async saveHolder(kind: HolderKind, id: string, change: HolderChange, budget: BudgetChange, mustBe: 'there' | 'new' | null = null): Promise<WithBudget<HolderRow> | null> {
    return this.database.transaction(async (em) => {
      const known = await em.findOne(holderEntity, { kind, id });
      if ((mustBe === 'there' && known === null) || (mustBe === 'new' && known !== null)) return null;
      const row = known ?? em.create(holderEntity, { kind, id, alias: null, email: null, models: [], members: [], rpm: null, tpm: null, maxParallel: null, blocked: false, metadata: {}, createdAt: Date.now() });
      Object.assign(row, change);
      return { row, budget: await this.setBudget(em, `${kind}:${id}`, budget) };
    });
  }

  /** Null when there is no such team. `change` throws what is wrong with it. */
  async changeMembers(teamId: string, change: (members: readonly TeamMember[]) => TeamMember[]): Promise<WithBudget<HolderRow> | null> {
    return this.database.transaction(async (em) => {
      const row = await em.findOne(holderEntity, { kind: 'team', id: teamId }, { lockMode: LockMode.PESSIMISTIC_WRITE });
      if (row === null) return null;
      row.members = change(row.members);
      // A user who is only named is made, so that keys and a budget can be put under the name.
      for (const { user_id: id } of row.members) {
        if (id === undefined || (await em.findOne(holderEntity, { kind: 'user', id })) !== null) continue;
        em.create(holderEntity, { kind: 'user', id, alias: null, email: null, models: [], members: [], rpm: null, tpm: null, maxParallel: null, blocked: false, metadata: {}, createdAt: Date.now() });
        await this.setBudget(em, `user:${id}`, {});
      }
      return { row, budget: await em.findOne(budgetEntity, `team:${teamId}`) };
    });
  }

  async holder(kind: HolderKind, id: string): Promise<WithBudget<HolderRow> | null> {
    return this.database.read(async (em) => {
      const row = await em.findOne(holderEntity, { kind, id });
      return row && { row, budget: await em.findOne(budgetEntity, `${kind}:${id}`) };
    });
  }

  async holders(kind: HolderKind): Promise<WithBudget<HolderRow>[]> {
    return this.database.read(async (em) => {
      const rows = await em.find(holderEntity, { kind }, { orderBy: { createdAt: 'asc', id: 'asc' } });
      const budgets = new Map((await em.find(budgetEntity, { id: { $in: rows.map(({ id }) => `${kind}:${id}`) } })).map((budget) => [budget.id, budget]));
      return rows.map((row) => ({ row, budget: budgets.get(`${kind}:${row.id}`) ?? null }));
    });
  }

  /** With its keys, for keys of nobody would have no cap. */
  async removeHolder(kind: HolderKind, id: string): Promise<boolean> {
    const hashes = await this.database.read(async (em) => (await em.find(virtualKeyEntity, keysUnder(kind, id), { fields: ['hash'] })).map(({ hash }) => hash));
    await this.remove(hashes);
    return this.database.transaction(async (em) => {
      await removeBudgets(em, [`${kind}:${id}`]);
      return (await em.nativeDelete(holderEntity, { kind, id })) > 0;
    });
  }

  /** Sets or changes the money of a user or a conversation. A user's counts from then on, a conversation's has all that it cost so far. */
  async saveBudget(id: string, change: BudgetChange): Promise<BudgetRow> {
    return this.database.transaction(async (em) => {
      const isNew = (await em.findOne(budgetEntity, id)) === null;
      const row = await this.setBudget(em, id, change);
      if (isNew && id.startsWith('conversation:')) row.spend = await costOf(em, id.slice('conversation:'.length));
      return row;
    });
  }

  async budget(id: string): Promise<BudgetRow | null> {
    return this.database.read(async (em) => em.findOne(budgetEntity, id));
  }

  /** All that a call must know of a key, or of a run (`runHolder`); null when there is none. */
  async find(hash: string): Promise<VirtualKey | null> {
    const run = runOf(hash);
    return this.database.read(async (em) => {
      if (run !== null) return heldByRun(hash, run.userId, await em.find(budgetEntity, { id: { $in: [`user:${run.userId}`, `conversation:${run.conversationId}`] } }));
      const row = await em.findOne(virtualKeyEntity, hash);
      if (row === null) return null;
      const holders = await em.find(holderEntity, { $or: [{ kind: 'user', id: row.userId ?? '' }, { kind: 'team', id: row.teamId ?? '' }, { kind: 'job', id: row.jobId ?? '' }] });
      // A user of Deskhand may have a budget without being known here otherwise.
      const ids = [`key:${hash}`, ...idsOfExtra(row), ...(row.userId == null ? [] : [`user:${row.userId}`]), ...(row.teamId == null ? [] : [`team:${row.teamId}`]), ...(row.jobId == null ? [] : [`job:${row.jobId}`])];
      const money = await em.find(budgetEntity, { id: { $in: ids } });
      const modelOf = new Map(row.extraBudgets.flatMap((extra) => (extra.model === null ? [] : [[extraBudgetId(hash, extra), extra.model] as const])));
      const budgets = money.flatMap(({ id, max }): Budget[] => (max == null ? [] : [{ id, max, ...(modelOf.has(id) && { model: modelOf.get(id)! }) }]));
      return {
        hash, userId: row.userId ?? null, teamId: row.teamId ?? null, jobId: row.jobId ?? null, models: [row.models, ...holders.map(({ models }) => models)], aliases: row.aliases, rpm: row.rpm ?? null, tpm: row.tpm ?? null, maxParallel: row.maxParallel ?? null,
        expiresAt: row.expiresAt ?? null, blocked: row.blocked || holders.some(({ blocked }) => blocked), spend: money.find(({ id }) => id === `key:${hash}`)?.spend ?? 0, budgets,
        holders: holders.filter(({ rpm, tpm, maxParallel }) => (rpm ?? tpm ?? maxParallel ?? null) !== null).map(({ kind, id, rpm, tpm, maxParallel }) => ({ kind, id, rpm: rpm ?? null, tpm: tpm ?? null, maxParallel: maxParallel ?? null })),
      };
    });
  }

  private async setExtraBudgets(em: EntityManager, row: VirtualKeyRow, { windows, models }: ExtraBudgetChange): Promise<BudgetRow[]> {
    const before = idsOfExtra(row);
    row.extraBudgets = [...(windows ?? row.extraBudgets.filter(({ model }) => model === null)), ...(models ?? row.extraBudgets.filter(({ model }) => model !== null))];
    const ids = idsOfExtra(row);
    await em.nativeDelete(budgetEntity, { id: { $in: before.filter((id) => !ids.includes(id)) } });
    const budgets: BudgetRow[] = [];
    for (const [index, { max, duration }] of row.extraBudgets.entries()) budgets.push(await this.setBudget(em, ids[index]!, { max, windowMs: duration === null ? null : durationMs(duration) }));
    return budgets;
  }

  /** Every key, user, team and job has its money counted; a maximum makes it a cap. */
  private async setBudget(em: EntityManager, id: string, { max, windowMs }: BudgetChange): Promise<BudgetRow> {
    const budget = (await em.findOne(budgetEntity, id)) ?? em.create(budgetEntity, { id, max: null, spend: 0, leased: 0, windowMs: null, resetsAt: null });
    if (max !== undefined) budget.max = max;
    if (windowMs !== undefined && windowMs !== (budget.windowMs ?? null)) Object.assign(budget, { windowMs, resetsAt: windowMs === null ? null : Date.now() + windowMs });
    return budget;
  }
}

const idsOfExtra = ({ hash, extraBudgets }: Pick<VirtualKeyRow, 'hash' | 'extraBudgets'>): string[] => extraBudgets.map((extra) => extraBudgetId(hash, extra));

/** The keys of a user, a team or a job. */
export const keysUnder = (kind: HolderKind, id: string): { userId: string } | { teamId: string } | { jobId: string } => (kind === 'user' ? { userId: id } : kind === 'team' ? { teamId: id } : { jobId: id });

/** With what is leased of them: another budget may have the same name one day. */
async function removeBudgets(em: EntityManager, ids: readonly string[]): Promise<void> {
  await em.nativeDelete(budgetEntity, { id: { $in: [...ids] } });
  await em.nativeDelete(budgetLeaseEntity, { budgetId: { $in: [...ids] } });
}

async function costOf(em: EntityManager, conversationId: string): Promise<number> {
  const [row] = await em.execute<{ cost: number | null }[]>('select sum(cost) as cost from usage_hours where conversation_id = ?', [conversationId]);
  return Number(row?.cost ?? 0);
}

/** By what the budget is of. */
async function mostSpent(em: EntityManager, kind: 'key' | HolderKind, limit: number): Promise<Map<string, BudgetRow>> {
  const budgets = await em.find(budgetEntity, { $and: [{ id: { $like: `${kind}:%` } }, ...(kind === 'key' ? [{ $not: { id: { $like: 'key:%/%' } } }] : [])] }, { orderBy: { spend: 'desc', id: 'asc' }, limit });
  return new Map(budgets.map((budget) => [budget.id.slice(kind.length + 1), budget]));
}

const bySpend = (one: WithBudget<unknown>, other: WithBudget<unknown>): number => (other.budget?.spend ?? 0) - (one.budget?.spend ?? 0);
