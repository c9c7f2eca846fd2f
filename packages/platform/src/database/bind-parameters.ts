import { CompiledQuery } from 'kysely';

interface QueryRunner {
  executeQuery(query: CompiledQuery): Promise<unknown>;
}

/** The part of MikroORM's SQL connection that runs a statement. */
export interface StatementRunner {
  execute(query: unknown, parameters?: readonly unknown[], method?: string, context?: QueryRunner, logger?: unknown): Promise<unknown>;
  ensureConnection(): Promise<void>;
  getClient(): QueryRunner;
  transformRawResult(result: unknown, method: string): unknown;
}

/**
 * Makes a connection bind parameters. MikroORM 7 writes every value into the text of its statement, so that SQLite compiles
 * each of them anew and no statement is ever seen twice: about half the time of a small transaction.
 */
export function bindParameters(connection: StatementRunner): void {
  const execute = connection.execute.bind(connection);
  connection.execute = async (query, parameters = [], method = 'all', context, logger) => {
    const { sql, params } = rawOf(query, parameters);
    const values = params.map(bindable);
    // Identifiers and escaped marks among the placeholders, and values that are more than one, are MikroORM's to write out.
    if (sql === null || sql.includes('??') || sql.includes('\\?') || values.includes(unbindable)) return execute(query, parameters, method, context, logger);
    await connection.ensureConnection();
    return connection.transformRawResult(await (context ?? connection.getClient()).executeQuery(CompiledQuery.raw(sql, values)), method);
  };
}

/** A statement as text with its values, whichever of MikroORM's three forms it came in. */
function rawOf(query: unknown, parameters: readonly unknown[]): { sql: string | null; params: readonly unknown[] } {
  if (typeof query === 'string') return { sql: Array.isArray(parameters) ? query : null, params: Array.isArray(parameters) ? parameters : [] };
  const built = query as { toRaw?: () => { sql: string; params: unknown[] }; sql?: unknown; params?: unknown };
  if (typeof built.toRaw === 'function') return built.toRaw();
  return typeof built.sql === 'string' && Array.isArray(built.params) ? { sql: built.sql, params: built.params } : { sql: null, params: [] };
}

const unbindable = Symbol('unbindable');

function bindable(value: unknown): unknown {
  if (value === undefined || value === null) return null;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint' || Buffer.isBuffer(value)) return value;
  return unbindable;
}
