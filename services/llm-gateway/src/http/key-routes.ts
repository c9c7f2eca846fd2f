import type { IncomingMessage, ServerResponse } from 'node:http';
import { newId } from '@deskhand/contracts';
import { z } from 'zod';
import type { BudgetLedger } from '../budgets/budget-ledger.ts';
import { durationMs } from '../budgets/duration.ts';
import type { HolderRow, TeamMember, VirtualKeyRow } from '../database/entities.ts';
import { isDuplicate } from '../database/is-duplicate.ts';
import type { Callers } from '../keys/callers.ts';
import type { KeyCache } from '../keys/key-cache.ts';
import { keysUnder, type BudgetChange, type ExtraBudgetChange, type HolderChange, type HolderKind, type KeyChange, type KeysRepository, type WithBudget } from '../keys/keys.repository.ts';
import type { ExtraBudget } from '../keys/extra-budgets.ts';
import type { KeyRules } from '../keys/key-rules.ts';
import { hashOf } from '../keys/virtual-keys.ts';
import { WireError } from '../wire/wire-format.ts';
import { answerJson } from './answers.ts';
import { holderView, keyView, unknown } from './key-views.ts';
import { queryOf, readSettings } from './settings-request.ts';

export interface KeyRoutesParts {
  keys: KeysRepository;
  rules: KeyRules;
  callers: Callers;
  cache: KeyCache;
  ledger: BudgetLedger;
}

const duration = z.string().refine((text) => durationMs(text) !== null, 'must be like 30s, 15m, 12h, 30d or 1mo');
const limit = z.number().int().min(0).max(2_147_483_647).nullable().optional();
const money = { max_budget: z.number().min(0).nullable().optional(), budget_duration: duration.nullable().optional() };
const limits = { rpm_limit: limit, tpm_limit: limit, max_parallel_requests: limit };
const text = z.string().min(1).max(300);
const shared = { models: z.array(text).max(1_000).optional(), metadata: z.record(z.string(), z.unknown()).optional(), ...money };
/** LiteLLM has two names for each. */
const modelBudget = z.object({ budget_limit: z.number().min(0).optional(), max_budget: z.number().min(0).optional(), time_period: duration.nullable().optional(), budget_duration: duration.nullable().optional() })
  .refine((given) => (given.budget_limit ?? given.max_budget) !== undefined, 'needs budget_limit');
const keyFields = z.object({
  ...shared, key_alias: text.nullable().optional(), user_id: text.nullable().optional(), team_id: text.nullable().optional(), job_id: text.nullable().optional(), aliases: z.record(z.string(), z.string()).optional(), ...limits,
  duration: duration.nullable().optional(), blocked: z.boolean().optional(),
  budget_limits: z.array(z.object({ budget_duration: duration, max_budget: z.number().min(0) })).max(20).refine((given) => new Set(given.map((one) => durationMs(one.budget_duration))).size === given.length, 'must not name a duration twice').nullable().optional(),
  model_max_budget: z.record(text, z.union([z.number().min(0), modelBudget])).refine((given) => Object.keys(given).length <= 200, 'may name 200 models').nullable().optional(),
});
const newKey = keyFields.extend({ key: z.string().min(8).max(300).startsWith('sk-').optional() });
const named = z.object({ key: text });
const someNames = z.array(text).max(1_000).optional();
const goneKeys = z.object({ keys: someNames, key_aliases: someNames });
const holderFields = z.object({ ...shared, ...limits, blocked: z.boolean().optional() });
const userFields = holderFields.extend({ user_id: text.optional(), user_email: text.nullable().optional(), user_alias: text.optional() });
const newUser = userFields.extend({ auto_create_key: z.boolean().optional(), key_alias: text.optional(), duration: duration.nullable().optional() });
const teamFields = holderFields.extend({ team_id: text.optional(), team_alias: text.optional() });
const perhaps = text.nullish().transform((given) => given ?? undefined);
const member = z.object({ role: z.enum(['admin', 'user']), user_id: perhaps, user_email: perhaps }).refine((given) => given.user_id !== undefined || given.user_email !== undefined, 'needs user_id or user_email');
const newTeam = teamFields.extend({ members_with_roles: z.array(member).max(10_000).optional() });
const namedTeam = z.object({ team_id: text });
const jobFields = holderFields.extend({ job_id: text.optional(), job_alias: text.optional() });
const namedJob = z.object({ job_id: text });

/** LiteLLM's API for virtual keys, their users and teams, and the like for jobs, for whoever holds the master key. */
export class KeyRoutes {
  /** By path; all take POST unless they are listed in `reads`. */
  readonly routes: ReadonlyMap<string, (request: IncomingMessage, response: ServerResponse) => Promise<void>>;
  readonly reads: ReadonlySet<string> = new Set(['/key/info', '/key/list', '/user/info', '/user/list', '/team/info', '/team/list', '/v2/team/list', '/job/info', '/job/list']);

  constructor(private readonly parts: KeyRoutesParts) {
    const { keys } = parts;
    this.routes = new Map<string, (request: IncomingMessage, response: ServerResponse) => Promise<void>>([
      ['/key/generate', this.changing(newKey, async (body) => this.generate(body))],
      ['/key/update', this.changing(keyFields.extend(named.shape), async (body) => this.change(body.key, body))],
      ['/key/block', this.changing(named, async ({ key }) => this.keyAnswer(await keys.change(hashGiven(key), { blocked: true }, {})))],
      ['/key/unblock', this.changing(named, async ({ key }) => this.keyAnswer(await keys.change(hashGiven(key), { blocked: false }, {})))],
      ['/key/delete', this.changing(goneKeys, async (body) => this.removeKeys(body))],
      ['/key/regenerate', this.changing(keyFields.extend(named.shape), async (body) => this.regenerate(body.key, body))],
      ['/key/info', this.reading(async (query, request) => this.keyInfo(query, request), false)],
      ['/key/list', this.reading(async (query) => this.keyList(query))],
      ['/user/new', this.changing(newUser, async (body) => this.newUser(body))],
      ['/user/update', this.changing(userFields.extend({ user_id: text }), async (body) => holderView('user', await keys.saveHolder('user', body.user_id, userChange(body), moneyOf(body), 'there')))],
      ['/user/delete', this.changing(z.object({ user_ids: z.array(text).min(1) }), async (body) => ({ deleted_user_ids: await this.removeHolders('user', body.user_ids) }))],
      ['/user/info', this.reading(async (query) => this.holderInfo('user', query.get('user_id')))],
      ['/user/list', this.reading(async () => ({ users: (await keys.holders('user')).map((holder) => holderView('user', holder)) }))],
      ['/team/new', this.changing(newTeam, async (body) => this.newTeam(body))],
      ['/team/update', this.changing(teamFields.extend({ team_id: text }), async (body) => holderView('team', await keys.saveHolder('team', body.team_id, holderChange(body.team_alias, body), moneyOf(body), 'there')))],
      ['/team/block', this.changing(namedTeam, async (body) => holderView('team', await keys.saveHolder('team', body.team_id, { blocked: true }, {}, 'there')))],
      ['/team/unblock', this.changing(namedTeam, async (body) => holderView('team', await keys.saveHolder('team', body.team_id, { blocked: false }, {}, 'there')))],
      ['/team/member_add', this.changing(namedTeam.extend({ member: z.union([member, z.array(member).min(1).max(1_000)]) }), async (body) => this.addMembers(body.team_id, [body.member].flat()))],
      ['/team/member_delete', this.changing(namedTeam.extend({ user_id: text.optional(), user_email: text.optional() }), async (body) => this.removeMember(body.team_id, body))],
      ['/team/delete', this.changing(z.object({ team_ids: z.array(text).min(1) }), async (body) => ({ deleted_team_ids: await this.removeHolders('team', body.team_ids) }))],
      ['/team/info', this.reading(async (query) => this.holderInfo('team', query.get('team_id')))],
      ['/team/list', this.reading(async () => this.teamList())],
      ['/v2/team/list', this.reading(async (query) => this.teamPage(query))],
      ['/job/new', this.changing(jobFields, async (body) => this.newJob(body))],
      ['/job/update', this.changing(jobFields.extend(namedJob.shape), async (body) => holderView('job', await keys.saveHolder('job', body.job_id, holderChange(body.job_alias, body), moneyOf(body), 'there')))],
      ['/job/block', this.changing(namedJob, async (body) => holderView('job', await keys.saveHolder('job', body.job_id, { blocked: true }, {}, 'there')))],
      ['/job/unblock', this.changing(namedJob, async (body) => holderView('job', await keys.saveHolder('job', body.job_id, { blocked: false }, {}, 'there')))],
      ['/job/delete', this.changing(z.object({ job_ids: z.array(text).min(1) }), async (body) => ({ deleted_job_ids: await this.removeHolders('job', body.job_ids) }))],
      ['/job/info', this.reading(async (query) => this.holderInfo('job', query.get('job_id')))],
      ['/job/list', this.reading(async () => (await keys.holders('job')).map((holder) => holderView('job', holder)))],
    ]);
  }

  /** What has no effect here is said beside the answer; what would have been a limit is refused. */
  private changing<Shape extends z.ZodRawShape>(schema: z.ZodObject<Shape>, work: (body: z.infer<z.ZodObject<Shape>>) => Promise<object>): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
    // LiteLLM's clients send null for what they do not say.
    const notNull = Object.entries(schema.shape).filter(([, field]) => z.safeParse(field, undefined).success && !z.safeParse(field, null).success).map(([name]) => name);
    const loose = z.preprocess((body) => withoutNulls(body as Record<string, unknown>, notNull), z.looseObject(schema.shape));
    return async (request, response) => {
      await this.assertMaster(request);
      const settings = await readSettings(loose, request);
      const unused = unusedOf(settings, schema.shape);
      const answer = await work(settings as z.infer<z.ZodObject<Shape>>);
      this.parts.cache.changed();
      answerJson(response, 200, unused.length === 0 ? answer : { ...answer, warnings: unused.map((name) => `${name} has no effect here`) });
    };
  }

  private reading(work: (query: URLSearchParams, request: IncomingMessage) => Promise<object>, masterOnly = true): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
    return async (request, response) => {
      if (masterOnly) await this.assertMaster(request);
      answerJson(response, 200, await work(queryOf(request), request));
    };
  }

  private async assertMaster(request: IncomingMessage): Promise<void> {
    if ((await this.parts.callers.identify(request.headers)).kind !== 'master') throw new WireError('forbidden', 'Keys are managed with the master key.');
  }

  private async removeKeys({ keys = [], key_aliases: aliases = [] }: z.infer<typeof goneKeys>): Promise<object> {
    if (keys.length + aliases.length === 0) throw new WireError('bad-request', 'The body must name keys, or key_aliases.', 'keys');
    const byAlias = await Promise.all(aliases.map(async (alias) => (await this.parts.keys.list({ alias }, 1, 0)).keys.map(({ row }) => row.hash)));
    return { deleted_keys: await this.parts.keys.remove([...keys.map(hashGiven), ...byAlias.flat()]) };
  }

  private async generate(given: z.infer<typeof newKey>): Promise<object> {
    const body = this.parts.rules.ofNew(given);
    await this.assertHolders(body);
    try {
      const { key, made } = await this.parts.keys.generate(keyChange(body), moneyOf(body), body.key, extraBudgets(body));
      return { key, ...keyView(made) };
    } catch (error) {
      if (isDuplicate(error)) throw new WireError('bad-request', 'A key with this alias, or this very key, exists already.', 'key_alias');
      throw error;
    }
  }

  private async change(key: string, given: z.infer<typeof keyFields>): Promise<object> {
    const body = this.parts.rules.ofChange(given);
    await this.assertHolders(body);
    return this.keyAnswer(await this.parts.keys.change(hashGiven(key), keyChange(body), moneyOf(body), extraBudgets(body)));
  }

  /** LiteLLM's other path for it: the key stands in it, or its hash. */
  async regenerateNamed(key: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    await this.changing(keyFields, async (body) => this.regenerate(key, body))(request, response);
  }

  /** What the body says besides is changed on the way. */
  private async regenerate(key: string, given: z.infer<typeof keyFields>): Promise<object> {
    const body = this.parts.rules.ofChange(given);
    await this.assertHolders(body);
    const changed = await this.parts.keys.change(hashGiven(key), keyChange(body), moneyOf(body), extraBudgets(body));
    if (changed === null) throw unknown('key');
    // What is leased counts as spent under the new key.
    await this.forget(changed);
    const again = await this.parts.keys.regenerate(hashGiven(key));
    if (again === null) throw unknown('key');
    return { key: again.key, ...keyView(again.made) };
  }

  private async keyAnswer(found: WithBudget<VirtualKeyRow> | null): Promise<object> {
    if (found === null) throw unknown('key');
    await this.forget(found);
    return keyView(found);
  }

  /** The next call leases anew, by what its budgets say now. */
  private async forget({ row, extras = [] }: WithBudget<VirtualKeyRow>): Promise<void> {
    for (const id of [`key:${row.hash}`, ...extras.map((extra) => extra.id)]) await this.parts.ledger.forget(id);
  }

  /** A key may ask about itself. */
  private async keyInfo(query: URLSearchParams, request: IncomingMessage): Promise<object> {
    const caller = await this.parts.callers.identify(request.headers);
    const asked = query.get('key');
    const own = caller.kind === 'key' ? caller.key.hash : null;
    const hash = asked === null ? own : hashGiven(asked);
    if (hash === null && caller.kind === 'master') throw new WireError('bad-request', 'The query needs key.', 'key');
    if (hash === null || (caller.kind !== 'master' && hash !== own)) throw new WireError('forbidden', 'A key may ask about itself only.');
    const found = await this.parts.keys.info(hash);
    if (found === null) throw unknown('key');
    return { key: asked ?? hash, info: keyView(found) };
  }

  private async keyList(query: URLSearchParams): Promise<object> {
    const size = bounded(query.get('size'), 10, 100);
    const page = bounded(query.get('page'), 1, 1_000_000);
    const where = { ...(query.has('user_id') && { userId: query.get('user_id')! }), ...(query.has('team_id') && { teamId: query.get('team_id')! }), ...(query.has('job_id') && { jobId: query.get('job_id')! }), ...(query.has('key_alias') && { alias: query.get('key_alias')! }) };
    const { keys, total } = await this.parts.keys.list(where, size, (page - 1) * size);
    return { keys: keys.map((found) => (query.get('return_full_object') === 'true' ? keyView(found) : found.row.hash)), total_count: total, current_page: page, total_pages: Math.ceil(total / size) };
  }

  private async teamPage(query: URLSearchParams): Promise<object> {
    const [id, alias, user] = ['team_id', 'team_alias', 'user_id'].map((name) => query.get(name));
    const found = (await this.parts.keys.holders('team')).filter(({ row }) => (id == null || row.id === id) && (alias == null || (row.alias ?? '').includes(alias)) && (user == null || row.members.some((one) => one.user_id === user)));
    const size = bounded(query.get('page_size'), 10, 100);
    const page = bounded(query.get('page'), 1, 1_000_000);
    return { teams: found.slice((page - 1) * size, page * size).map((team) => holderView('team', team)), total: found.length, page, page_size: size, total_pages: Math.ceil(found.length / size) };
  }

  private async newUser(body: z.infer<typeof newUser>): Promise<object> {
    const id = body.user_id ?? newId();
    const wanted: z.infer<typeof newKey> | null = body.auto_create_key === false ? null : { user_id: id, key_alias: body.key_alias ?? null, duration: body.duration ?? null };
    if (wanted !== null) await this.assertHolders(this.parts.rules.ofNew(wanted));
    const made = await this.parts.keys.saveHolder('user', id, userChange(body), moneyOf(body), 'new');
    if (made === null) throw new WireError('bad-request', `The user ${id} exists already.`, 'user_id');
    const key = wanted && (await this.generate(wanted));
    return { ...key, ...holderView('user', made) };
  }

  private async newTeam(body: z.infer<typeof newTeam>): Promise<object> {
    const id = body.team_id ?? newId();
    const made = await this.parts.keys.saveHolder('team', id, holderChange(body.team_alias, body), moneyOf(body), 'new');
    if (made === null) throw new WireError('bad-request', `The team ${id} exists already.`, 'team_id');
    return body.members_with_roles === undefined ? holderView('team', made) : this.addMembers(id, body.members_with_roles);
  }

  private async newJob(body: z.infer<typeof jobFields>): Promise<object> {
    const id = body.job_id ?? newId();
    const made = await this.parts.keys.saveHolder('job', id, holderChange(body.job_alias, body), moneyOf(body), 'new');
    if (made === null) throw new WireError('bad-request', `The job ${id} exists already.`, 'job_id');
    return holderView('job', made);
  }

  /** A key of a team or a job that is not there would be held to no budget of it. Users need not be made before. */
  private async assertHolders(given: { team_id?: string | null; job_id?: string | null }): Promise<void> {
    for (const [kind, id] of [['team', given.team_id], ['job', given.job_id]] as const) {
      if (id != null && (await this.parts.keys.holder(kind, id)) === null) throw new WireError('bad-request', `There is no ${kind} ${id}. Make it first (/${kind}/new).`, `${kind}_id`, `${kind}_not_found`);
    }
  }

  private async addMembers(teamId: string, added: readonly TeamMember[]): Promise<object> {
    const team = await this.parts.keys.changeMembers(teamId, (members) => {
      const all = [...members];
      for (const one of added) {
        if (all.some((other) => isSame(one, other))) throw new WireError('bad-request', `${one.user_id ?? one.user_email} is in this team already.`, 'member');
        all.push(one);
      }
      return all;
    });
    return holderView('team', team);
  }

  private async removeMember(teamId: string, gone: Pick<TeamMember, 'user_id' | 'user_email'>): Promise<object> {
    const team = await this.parts.keys.changeMembers(teamId, (members) => {
      const left = members.filter((one) => !isSame(one, gone));
      if (left.length === members.length) throw new WireError('bad-request', 'There is no such member.', 'user_id');
      return left;
    });
    return holderView('team', team);
  }

  /** In LiteLLM a team's memberships are its members' own budgets: there are none. */
  private async holderInfo(kind: HolderKind, id: string | null): Promise<object> {
    if (id === null) throw new WireError('bad-request', `The query needs ${kind}_id.`, `${kind}_id`);
    const found = await this.parts.keys.holder(kind, id);
    if (found === null) throw unknown(kind);
    const { keys } = await this.parts.keys.list(keysUnder(kind, id), 1_000, 0);
    return { [`${kind}_id`]: id, [`${kind}_info`]: holderView(kind, found), keys: keys.map(keyView), ...(kind === 'user' && { teams: await this.teamsOf(found.row) }), ...(kind === 'team' && { team_memberships: [] }) };
  }

  /** Each with its keys, as LiteLLM lists them. */
  private async teamList(): Promise<object[]> {
    const [teams, { keys }] = await Promise.all([this.parts.keys.holders('team'), this.parts.keys.list({}, mostListed, 0)]);
    return teams.map((team) => ({ ...holderView('team', team), keys: keys.filter(({ row }) => row.teamId === team.row.id).map(keyView), team_memberships: [] }));
  }

  private async teamsOf({ id, email }: HolderRow): Promise<object[]> {
    const teams = await this.parts.keys.holders('team');
    return teams.filter(({ row }) => row.members.some((one) => isSame(one, { user_id: id, user_email: email ?? undefined }))).map((team) => holderView('team', team));
  }

  private async removeHolders(kind: HolderKind, ids: readonly string[]): Promise<string[]> {
    const removed: string[] = [];
    for (const id of ids) {
      if (await this.parts.keys.removeHolder(kind, id)) removed.push(id);
      await this.parts.ledger.forget(`${kind}:${id}`);
    }
    return removed;
  }
}

/** Keys that a list of all teams looks through, the newest. */
const mostListed = 10_000;

/** Of LiteLLM's settings, those that would hold a key to less than this gateway does: left out in silence they would be trusted. */
const narrowing = new Set(['model_max_budget', 'budget_limits', 'budget_id', 'max_budget_in_team', 'model_rpm_limit', 'model_tpm_limit', 'allowed_routes', 'permissions', 'guardrails', 'enforced_params', 'object_permission', 'allowed_cache_controls']);

/** What is said and does nothing. Throws `WireError` for what cannot be left out. */
function unusedOf(settings: Readonly<Record<string, unknown>>, known: object): string[] {
  const unused = Object.keys(settings).filter((name) => !Object.hasOwn(known, name) && !isEmpty(settings[name]));
  const limiting = unused.find((name) => narrowing.has(name));
  if (limiting !== undefined) throw new WireError('bad-request', `${limiting} is not there: nothing would be held to it.`, limiting, 'not_supported');
  return unused.map((name) => name.slice(0, 100)).slice(0, 20);
}

const withoutNulls = (body: Readonly<Record<string, unknown>>, names: readonly string[]): object => Object.fromEntries(Object.entries(body).filter(([name, value]) => value !== null || !names.includes(name)));

const isEmpty = (value: unknown): boolean => value === null || value === false || value === '' || (typeof value === 'object' && Object.keys(value).length === 0);

const isSame = (one: Pick<TeamMember, 'user_id' | 'user_email'>, other: Pick<TeamMember, 'user_id' | 'user_email'>): boolean => (one.user_id !== undefined && one.user_id === other.user_id) || (one.user_email !== undefined && one.user_email === other.user_email);

/** A key as it was given out, or its hash. */
function hashGiven(key: string): string {
  return /^[0-9a-f]{64}$/.test(key) ? key : hashOf(key);
}

/** A whole number of at least 1 and at most `most`; `usual` for what is none. */
export function bounded(given: string | null, usual: number, most: number): number {
  const value = Number(given ?? usual);
  return Number.isInteger(value) && value >= 1 ? Math.min(value, most) : usual;
}

function keyChange(body: Omit<z.infer<typeof keyFields>, 'max_budget'>): KeyChange {
  return defined({
    alias: body.key_alias, userId: body.user_id, teamId: body.team_id, jobId: body.job_id, models: body.models, aliases: body.aliases, rpm: body.rpm_limit, tpm: body.tpm_limit, maxParallel: body.max_parallel_requests,
    expiresAt: body.duration === undefined ? undefined : body.duration === null ? null : Date.now() + durationMs(body.duration)!, blocked: body.blocked, metadata: body.metadata,
  });
}

function holderChange(alias: string | undefined, body: z.infer<typeof holderFields>): HolderChange {
  return defined({ alias, models: body.models, rpm: body.rpm_limit, tpm: body.tpm_limit, maxParallel: body.max_parallel_requests, blocked: body.blocked, metadata: body.metadata });
}

const userChange = (body: z.infer<typeof userFields>): HolderChange => defined({ ...holderChange(body.user_alias, body), email: body.user_email });

function moneyOf({ max_budget: max, budget_duration: window }: { max_budget?: number | null; budget_duration?: string | null }): BudgetChange {
  return defined({ max, windowMs: window == null ? window : durationMs(window) });
}

/** Null takes them all away. */
function extraBudgets({ budget_limits: windows, model_max_budget: models }: Pick<z.infer<typeof keyFields>, 'budget_limits' | 'model_max_budget'>): ExtraBudgetChange {
  return defined({
    windows: windows === undefined ? undefined : (windows ?? []).map((one): ExtraBudget => ({ model: null, duration: one.budget_duration.trim(), max: one.max_budget })),
    models: models === undefined ? undefined : Object.entries(models ?? {}).map(([model, given]): ExtraBudget => {
      if (typeof given === 'number') return { model, duration: null, max: given };
      return { model, duration: (given.time_period ?? given.budget_duration)?.trim() ?? null, max: (given.budget_limit ?? given.max_budget)! };
    }),
  });
}

/** Without the fields that were not given: those stay as they are. */
function defined<Fields extends object>(fields: Fields): { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> };
}
