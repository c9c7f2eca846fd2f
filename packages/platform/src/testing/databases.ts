import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import pg from 'pg';
import { Database, type DatabaseOptions } from '../database/database.ts';
import { outboxEntity } from '../database/outbox-row.ts';
import type { EntitySchema } from '@mikro-orm/core';
import { freePort } from '../free-port.ts';

export interface TestDatabases {
  dialect: 'sqlite' | 'postgres';
  /** The address of a new, empty database. */
  url(): Promise<string>;
  /** Opens a new database with these entities and migrations; closed with the rest. */
  open(options: Pick<DatabaseOptions, 'entities' | 'migrations'>): Promise<Database>;
  close(): Promise<void>;
}

/** Real databases for a suite that must hold on both: SQLite files, or a PostgreSQL server of one's own. */
export async function startDatabases(dialect: 'sqlite' | 'postgres'): Promise<TestDatabases> {
  const folder = mkdtempSync(join(tmpdir(), 'deskhand-database-'));
  const server = dialect === 'postgres' ? await startPostgres(folder) : null;
  const opened: Database[] = [];
  let count = 0;
  const url = async (): Promise<string> => {
    count += 1;
    if (server === null) return `sqlite:${join(folder, `${count}.db`)}`;
    await server.query(`create database test_${count}`);
    return `${server.url}/test_${count}?schema=service`;
  };
  return {
    dialect, url,
    open: async (options) => {
      const database = await Database.open({ url: await url(), entities: [...options.entities, outboxEntity as unknown as EntitySchema], migrations: options.migrations });
      opened.push(database);
      return database;
    },
    close: async () => {
      await Promise.allSettled(opened.map(async (database) => database.close()));
      await server?.stop();
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

/** Rows of a PostgreSQL database, past whatever owns it. */
export async function rowsOf<Row>(url: string, sql: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client.query(sql).then(({ rows }) => rows as Row[]).finally(async () => client.end());
}

async function startPostgres(folder: string): Promise<{ url: string; query(sql: string): Promise<void>; stop(): Promise<void> }> {
  const programs = postgresPrograms();
  // PostgreSQL refuses to run as root; any other user will do.
  const user = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
  if (user.uid !== undefined) chownSync(folder, user.uid, user.gid);
  const data = join(folder, 'data');
  const quiet = { stdio: 'ignore', cwd: folder, ...user } as const;
  execFileSync(join(programs, 'initdb'), ['-D', data, '-U', 'deskhand', '--auth=trust', '--no-sync', '-E', 'UTF8', '--locale=C'], quiet);
  const port = await freePort();
  const server: ChildProcess = spawn(join(programs, 'postgres'), ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', folder, '-c', 'fsync=off', '-c', 'max_connections=200'], quiet);
  const address = `postgres://deskhand@127.0.0.1:${port}`;
  const query = async (sql: string): Promise<void> => {
    await rowsOf(`${address}/postgres`, sql);
  };
  for (let attempt = 0; ; attempt++) {
    try {
      await query('select 1');
      break;
    } catch (error) {
      if (attempt > 200 || server.exitCode !== null) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  return {
    url: address, query,
    stop: async () => {
      const ended = new Promise((resolve) => server.once('exit', resolve));
      server.kill('SIGINT');
      await ended;
    },
  };
}

function postgresPrograms(): string {
  const debian = '/usr/lib/postgresql';
  const folders = [...(existsSync(debian) ? readdirSync(debian).sort().reverse().map((version) => join(debian, version, 'bin')) : []), ...(process.env.PATH ?? '').split(delimiter)];
  const found = folders.find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')));
  if (found === undefined) throw new Error('No PostgreSQL server was found; `npm test` installs one');
  return found;
}
