import type { EntityManager } from '@mikro-orm/sql';
import { LockMode, type EntityMetadata, type MikroORM } from '@mikro-orm/core';

type Fields = Readonly<Record<string, unknown>>;
type Find = (entity: unknown, where: unknown, options?: Fields) => Promise<unknown>;

interface Query {
  sql: string;
  values: unknown[];
}

/**
 * Lets an entity manager write plain queries and deletions by itself: equality, comparisons, lists, an order, a limit. MikroORM's query builder
 * takes some ten times as long for one as SQLite does to answer it. What is found goes through MikroORM's own factory into its
 * identity map, as after any `em.find`; what is not plain is left to MikroORM.
 */
export function queryDirectly(em: EntityManager, dialect: 'sqlite' | 'postgres'): void {
  const manager = em as unknown as { find: Find; findOne: Find; nativeDelete: Find };
  const find = manager.find.bind(em);
  const findOne = manager.findOne.bind(em);
  const nativeDelete = manager.nativeDelete.bind(em);
  manager.find = async (entity, where, options = {}) => {
    const meta = em.getMetadata().get(entity as never) as EntityMetadata;
    const query = queryOf(meta, dialect, where, options);
    return query === null ? find(entity, where, options) : entitiesOf(em, meta, query, options);
  };
  manager.findOne = async (entity, where, options = {}) => {
    const meta = em.getMetadata().get(entity as never) as EntityMetadata;
    const [key] = meta.primaryKeys;
    const filter = isScalar(where) && meta.primaryKeys.length === 1 ? { [key!]: where } : where;
    const query = queryOf(meta, dialect, filter, { ...options, limit: 1 });
    // What is known by its key is not asked for again, except to lock it: MikroORM's too.
    if (query === null || (options['lockMode'] === undefined && isKnown(em, meta, filter as Fields))) return findOne(entity, where, options);
    return (await entitiesOf(em, meta, query, options))[0] ?? null;
  };
  manager.nativeDelete = async (entity, where, options = {}) => {
    const meta = em.getMetadata().get(entity as never) as EntityMetadata;
    const filter = Object.keys(options).length === 0 ? conditionsOf(meta, where) : null;
    if (filter === null) return nativeDelete(entity, where, options);
    return (await em.execute<{ affectedRows: number }>(`delete from "${meta.tableName}"${filter.sql}`, filter.values as never, 'run')).affectedRows;
  };
}

/** The part of MikroORM's driver that writes a changed row. */
interface UpdatingDriver {
  nativeUpdate(entity: unknown, where: unknown, data: unknown, options?: Fields): Promise<unknown>;
  execute(sql: string, values: unknown[], method: 'run', context: unknown, loggerContext: unknown): Promise<unknown>;
}

/** The same for the statement by which the unit of work writes one changed row: columns by name, the row by its key. */
export function updateDirectly(orm: MikroORM): void {
  const driver = orm.em.getDriver() as unknown as UpdatingDriver;
  const nativeUpdate = driver.nativeUpdate.bind(driver);
  driver.nativeUpdate = async (entity, where, data, options = {}) => {
    const meta = orm.getMetadata().get(entity as never) as EntityMetadata;
    const statement = options['convertCustomTypes'] === false && options['upsert'] === undefined && options['unionWhere'] === undefined ? updateOf(meta, where, data) : null;
    return statement === null ? nativeUpdate(entity, where, data, options) : driver.execute(statement.sql, statement.values, 'run', options['ctx'], options['loggerContext']);
  };
}

function updateOf(meta: EntityMetadata, where: unknown, data: unknown): Query | null {
  if (!isPlain(where) || !isPlain(data) || Object.keys(data).length === 0 || meta.versionProperty !== undefined) return null;
  const values: unknown[] = [];
  const changes: string[] = [];
  for (const [name, value] of Object.entries(data)) {
    const columns = meta.properties[name as never] as { fieldNames?: string[] } | undefined;
    if (columns?.fieldNames?.length !== 1 || (value !== null && !isScalar(value))) return null;
    changes.push(`"${columns.fieldNames[0]!}" = ?`);
    values.push(value);
  }
  const conditions = meta.primaryKeys.map((name) => (isScalar(where[name]) ? conditionOn(meta, name, where[name], values) : null));
  if (conditions.includes(null) || Object.keys(where).length !== conditions.length) return null;
  return { sql: `update "${meta.tableName}" set ${changes.join(', ')} where ${conditions.join(' and ')}`, values };
}

async function entitiesOf(em: EntityManager, meta: EntityMetadata, { sql, values }: Query, options: Fields): Promise<unknown[]> {
  await em.tryFlush(meta.class, {});
  const rows = await em.execute<object[]>(sql, values as never);
  // Entities that nobody changes belong to a manager of their own.
  const owner = options['disableIdentityMap'] === true ? em.fork({ keepTransactionContext: true }) : em;
  const factory = owner.getEntityFactory();
  const driver = em.getDriver();
  return rows.map((row) => factory.create(meta.class, driver.mapResult(row, meta as never) as never, { merge: true, convertCustomTypes: true }) as unknown);
}

/** Null where it takes more than this knows. */
function queryOf(meta: EntityMetadata, dialect: 'sqlite' | 'postgres', where: unknown, { orderBy, limit, offset, lockMode, disableIdentityMap: _, ...more }: Fields): Query | null {
  if (Object.keys(more).length > 0) return null;
  const filter = conditionsOf(meta, where);
  const lock = lockOf(dialect, lockMode);
  const order = orderOf(meta, orderBy);
  if (filter === null || lock === null || order === null) return null;
  const { values } = filter;
  let sql = `select * from "${meta.tableName}"${filter.sql}${order}`;
  for (const [word, count] of [['limit', limit], ['offset', offset]] as const) {
    if (count === undefined) continue;
    if (!Number.isSafeInteger(count)) return null;
    sql += ` ${word} ?`;
    values.push(count);
  }
  return { sql: sql + lock, values };
}

/** As the middle of a statement, empty where anything will do. */
function conditionsOf(meta: EntityMetadata, where: unknown): Query | null {
  if (!isPlain(where)) return null;
  const values: unknown[] = [];
  const conditions: string[] = [];
  for (const [name, wanted] of Object.entries(where)) {
    const condition = conditionOn(meta, name, wanted, values);
    if (condition === null) return null;
    conditions.push(condition);
  }
  return { sql: conditions.length === 0 ? '' : ` where ${conditions.join(' and ')}`, values };
}

const comparisons: Readonly<Record<string, string>> = { $ne: '<>', $gt: '>', $gte: '>=', $lt: '<', $lte: '<=' };

function conditionOn(meta: EntityMetadata, name: string, wanted: unknown, values: unknown[]): string | null {
  const column = columnOf(meta, name);
  if (column === null) return null;
  if (wanted === null) return `${column} is null`;
  if (isScalar(wanted)) {
    values.push(wanted);
    return `${column} = ?`;
  }
  if (!isPlain(wanted)) return null;
  const [entry, ...others] = Object.entries(wanted);
  if (entry === undefined || others.length > 0) return null;
  const [operator, operand] = entry;
  if (operator === '$in' && Array.isArray(operand) && operand.every(isScalar)) {
    values.push(...(operand as unknown[]));
    return operand.length === 0 ? '1 = 0' : `${column} in (${operand.map(() => '?').join(', ')})`;
  }
  if (operator === '$ne' && operand === null) return `${column} is not null`;
  const comparison = comparisons[operator];
  if (comparison === undefined || !isScalar(operand)) return null;
  values.push(operand);
  return `${column} ${comparison} ?`;
}

/** As the end of a statement, empty without an order. */
function orderOf(meta: EntityMetadata, orderBy: unknown): string | null {
  if (orderBy === undefined) return '';
  if (!isPlain(orderBy)) return null;
  const parts: string[] = [];
  for (const [name, direction] of Object.entries(orderBy)) {
    const column = columnOf(meta, name);
    if (column === null || (direction !== 'asc' && direction !== 'desc')) return null;
    parts.push(`${column} ${direction}`);
  }
  return parts.length === 0 ? '' : ` order by ${parts.join(', ')}`;
}

/** As the end of a statement. SQLite's one writer holds the whole database already. */
function lockOf(dialect: 'sqlite' | 'postgres', lockMode: unknown): string | null {
  if (lockMode === undefined) return '';
  if (lockMode !== LockMode.PESSIMISTIC_WRITE && lockMode !== LockMode.PESSIMISTIC_READ) return null;
  if (dialect === 'sqlite') return '';
  return lockMode === LockMode.PESSIMISTIC_WRITE ? ' for update' : ' for share';
}

/** The column of a property that the database holds as the program does; null for any other. */
function columnOf(meta: EntityMetadata, name: string): string | null {
  const property = meta.properties[name as never] as { fieldNames?: string[]; type?: string; runtimeType?: string } | undefined;
  if (property?.fieldNames?.length !== 1 || property.runtimeType === undefined || !['string', 'number', 'boolean'].includes(property.runtimeType)) return null;
  return `"${property.fieldNames[0]!}"`;
}

function isKnown(em: EntityManager, meta: EntityMetadata, where: Fields): boolean {
  if (Object.keys(where).length !== meta.primaryKeys.length) return false;
  const key = meta.primaryKeys.map((name) => where[name]);
  return key.every(isScalar) && em.getUnitOfWork().getById(meta.class, (key.length === 1 ? key[0] : key) as never) !== undefined;
}

function isScalar(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value));
}

function isPlain(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype && Object.getOwnPropertySymbols(value).length === 0;
}
