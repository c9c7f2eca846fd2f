import { Migration, outboxTable } from '@deskhand/platform/database';

class CreateTables extends Migration {
  override up(): void {
    const postgres = this.driver.getPlatform().supportsSchemas();
    const real = postgres ? 'double precision' : 'real';
    this.addSql(`create table providers (
      id text primary key, user_id text not null, provider text not null, encrypted_key text not null, endpoint_url text, model_name text,
      is_default boolean not null, created_at bigint not null, updated_at bigint not null,
      constraint providers_of_user unique (user_id, provider)
    )`);
    this.addSql(`create table usage (
      id text primary key, started_at bigint not null, user_id text, conversation_id text, run_id text, provider text not null, model text not null,
      wire text not null, stream boolean not null, status text not null, http_status integer,
      uncached_input bigint not null, cache_read bigint not null, cache_write5m bigint not null, cache_write1h bigint not null, output bigint not null, reasoning bigint not null,
      estimated boolean not null, cost ${real}, first_byte_ms ${real}, duration_ms ${real} not null
    )`);
    this.addSql('create index usage_by_user on usage (user_id, started_at)');
    this.addSql('create index usage_by_conversation on usage (conversation_id, started_at)');
    this.addSql(outboxTable(postgres ? 'postgres' : 'sqlite'));
  }
}

class AddVirtualKeys extends Migration {
  override up(): void {
    const postgres = this.driver.getPlatform().supportsSchemas();
    const [json, real] = postgres ? ['jsonb', 'double precision'] : ['text', 'real'];
    for (const column of ['key_hash', 'key_user', 'key_team']) this.addSql(`alter table usage add column ${column} text`);
    this.addSql('create index usage_by_key on usage (key_hash, started_at)');
    this.addSql(`create table virtual_keys (
      hash text primary key, name text not null, alias text, user_id text, team_id text, models ${json} not null, aliases ${json} not null, rpm integer, tpm integer, max_parallel integer,
      expires_at bigint, blocked boolean not null, metadata ${json} not null, created_at bigint not null, constraint virtual_keys_alias unique (alias)
    )`);
    this.addSql('create index virtual_keys_of_user on virtual_keys (user_id)');
    this.addSql('create index virtual_keys_of_team on virtual_keys (team_id)');
    this.addSql(`create table key_holders (kind text not null, id text not null, alias text, email text, models ${json} not null, blocked boolean not null, metadata ${json} not null, created_at bigint not null, primary key (kind, id))`);
    this.addSql(`create table budgets (id text primary key, max ${real}, spend ${real} not null, leased ${real} not null, window_ms bigint, resets_at bigint)`);
    this.addSql(`create table budget_leases (budget_id text not null references budgets (id) on delete cascade, instance text not null, amount ${real} not null, primary key (budget_id, instance))`);
  }
}

/** Sums by the hour, so that no report reads call by call. */
class AddUsageHours extends Migration {
  override up(): void {
    const real = this.driver.getPlatform().supportsSchemas() ? 'double precision' : 'real';
    for (const column of ['agent', 'model_group']) this.addSql(`alter table usage add column ${column} text`);
    this.addSql('create index usage_by_time on usage (started_at)');
    this.addSql('create index usage_by_key_user on usage (key_user, started_at)');
    const names = ['instance', 'user_id', 'conversation_id', 'agent', 'key_hash', 'team_id', 'provider', 'model'];
    const counts = ['calls', 'failed', 'unpriced', 'input', 'cache_read', 'cache_write', 'output', 'reasoning'];
    this.addSql(`create table usage_hours (
      hour bigint not null, ${names.map((name) => `${name} text not null`).join(', ')}, ${counts.map((name) => `${name} bigint not null`).join(', ')}, cost ${real} not null,
      primary key (hour, ${names.join(', ')})
    )`);
    this.addSql('create index usage_hours_of_user on usage_hours (user_id, hour)');
    this.addSql('create index usage_hours_of_conversation on usage_hours (conversation_id, hour)');
    this.addSql('create index usage_hours_of_key on usage_hours (key_hash, hour)');
    // What was used until now belongs to no instance.
    this.addSql(`insert into usage_hours (hour, ${names.join(', ')}, ${counts.join(', ')}, cost)
      select started_at / 3600000, '', coalesce(user_id, key_user, ''), coalesce(conversation_id, ''), case when run_id is null then '' else 'deskhand' end, coalesce(key_hash, ''), coalesce(key_team, ''), provider, model,
        count(*), sum(case when status = 'completed' then 0 else 1 end), sum(case when cost is null and uncached_input + cache_read + cache_write5m + cache_write1h + output > 0 then 1 else 0 end),
        sum(uncached_input + cache_read + cache_write5m + cache_write1h), sum(cache_read), sum(cache_write5m + cache_write1h), sum(output), sum(reasoning), coalesce(sum(cost), 0)
      from usage group by 1, 2, 3, 4, 5, 6, 7, 8, 9`);
    this.addSql(`update usage set agent = 'deskhand' where run_id is not null`);
  }
}

class AddModels extends Migration {
  override up(): void {
    const json = this.driver.getPlatform().supportsSchemas() ? 'jsonb' : 'text';
    this.addSql(`create table models (id text primary key, group_name text not null, encrypted_parameters text not null, info ${json} not null, created_at bigint not null, updated_at bigint not null)`);
    this.addSql('create table revisions (subject text primary key, changes bigint not null)');
    this.addSql("insert into revisions (subject, changes) values ('models', 0)");
  }
}

class ShareLimits extends Migration {
  override up(): void {
    this.addSql('create table limits (id text primary key, asked_at bigint not null)');
    this.addSql('create table limit_shares (limit_id text not null, instance text not null, kind text not null, amount bigint not null, until bigint not null, primary key (limit_id, instance))');
  }
}

class AddUsageSource extends Migration {
  override up(): void {
    this.addSql('alter table usage add column source text');
  }
}

class LimitKeyHolders extends Migration {
  override up(): void {
    for (const column of ['rpm', 'tpm', 'max_parallel']) this.addSql(`alter table key_holders add column ${column} integer`);
  }
}

/** Most calls have a key or a user, not both: what they lack need not be in an index. */
class IndexWhatIsThere extends Migration {
  override up(): void {
    for (const [name, column] of [['usage_by_user', 'user_id'], ['usage_by_conversation', 'conversation_id'], ['usage_by_key', 'key_hash'], ['usage_by_key_user', 'key_user']] as const) {
      this.addSql(`drop index ${name}`);
      this.addSql(`create index ${name} on usage (${column}, started_at) where ${column} is not null`);
    }
  }
}

class AddTeamMembers extends Migration {
  override up(): void {
    this.addSql(`alter table key_holders add column members ${this.driver.getPlatform().supportsSchemas() ? 'jsonb' : 'text'} not null default '[]'`);
  }
}

/** The columns of callers are those that its version has. */
const viewOfCalls = (callers: readonly string[]): string => `create view usage as select a.id, a.started_at, ${callers.map((column) => `c.${column}`).join(', ')}, a.conversation_id, a.run_id, k.agent, k.model_group, k.source, k.provider, k.model, k.wire, k.stream, k.status, k.http_status,
  a.uncached_input, a.cache_read, a.cache_write5m, a.cache_write1h, a.output, a.reasoning, k.estimated, a.cost, a.first_byte_ms, a.duration_ms
  from usage_calls a join usage_callers c on c.id = a.caller join usage_kinds k on k.id = a.kind`;

/**
 * Most of a call's row was the same as the row before it: who called, what, and how it went. That is kept once, so that a row is half
 * as large and is written in half the time. Ids begin with the time, so a call is found by time without an index of its own.
 */
class ShareWhatCallsHaveInCommon extends Migration {
  override up(): void {
    const postgres = this.driver.getPlatform().supportsSchemas();
    const real = postgres ? 'double precision' : 'real';
    const number = postgres ? 'bigint generated by default as identity primary key' : 'integer primary key';
    const callers = ['user_id', 'key_hash', 'key_user', 'key_team'];
    const kinds = ['agent', 'model_group', 'source', 'provider', 'model', 'wire', 'stream', 'status', 'http_status', 'estimated'];
    const own = ['started_at', 'conversation_id', 'run_id', 'uncached_input', 'cache_read', 'cache_write5m', 'cache_write1h', 'output', 'reasoning', 'cost', 'first_byte_ms', 'duration_ms'];
    this.addSql(`create table usage_callers (id ${number}, user_id text, key_hash text, key_user text, key_team text)`);
    this.addSql(`create table usage_kinds (id ${number}, agent text, model_group text, source text, provider text not null, model text not null, wire text not null, stream boolean not null, status text not null, http_status integer, estimated boolean not null)`);
    for (const column of callers.slice(0, 3)) this.addSql(`create index usage_callers_by_${column} on usage_callers (${column}) where ${column} is not null`);
    // Text that is compared by its letters' numbers whatever the language of the database: as time is in it.
    this.addSql(`create table usage_calls (
      id text ${postgres ? 'collate "C" ' : ''}primary key, caller bigint not null, kind bigint not null, started_at bigint not null, conversation_id text, run_id text,
      uncached_input bigint not null, cache_read bigint not null, cache_write5m bigint not null, cache_write1h bigint not null, output bigint not null, reasoning bigint not null,
      cost ${real}, first_byte_ms ${real}, duration_ms ${real} not null
    )${postgres ? '' : ' without rowid'}`);
    this.addSql('create index usage_calls_of_caller on usage_calls (caller, id)');
    const same = (alias: string, columns: readonly string[]): string => columns.map((column) => `${alias}.${column} is not distinct from u.${column}`).join(' and ');
    this.addSql(`insert into usage_callers (${callers.join(', ')}) select distinct ${callers.join(', ')} from usage`);
    this.addSql(`insert into usage_kinds (${kinds.join(', ')}) select distinct ${kinds.join(', ')} from usage`);
    this.addSql(`insert into usage_calls (id, caller, kind, ${own.join(', ')}) select u.id, c.id, k.id, ${own.map((column) => `u.${column}`).join(', ')} from usage u join usage_callers c on ${same('c', callers)} join usage_kinds k on ${same('k', kinds)}`);
    this.addSql('drop table usage');
    this.addSql(viewOfCalls(callers));
  }
}

class AddExtraBudgets extends Migration {
  override up(): void {
    this.addSql(`alter table virtual_keys add column extra_budgets ${this.driver.getPlatform().supportsSchemas() ? 'jsonb' : 'text'} not null default '[]'`);
  }
}

/** A job is a third name that keys may be put under, beside their user and their team. */
class AddJobs extends Migration {
  override up(): void {
    this.addSql('alter table virtual_keys add column job_id text');
    this.addSql('create index virtual_keys_of_job on virtual_keys (job_id) where job_id is not null');
    this.addSql('drop view usage');
    this.addSql('alter table usage_callers add column key_job text');
    this.addSql(viewOfCalls(['user_id', 'key_hash', 'key_user', 'key_team', 'key_job']));
  }
}

export const migrations = [{ name: '0001-create-tables', class: CreateTables }, { name: '0002-add-virtual-keys', class: AddVirtualKeys }, { name: '0003-add-usage-hours', class: AddUsageHours }, { name: '0004-add-models', class: AddModels }, { name: '0005-share-limits', class: ShareLimits }, { name: '0006-add-usage-source', class: AddUsageSource }, { name: '0007-limit-key-holders', class: LimitKeyHolders }, { name: '0008-index-what-is-there', class: IndexWhatIsThere }, { name: '0009-add-team-members', class: AddTeamMembers }, { name: '0010-share-what-calls-have-in-common', class: ShareWhatCallsHaveInCommon }, { name: '0011-add-extra-budgets', class: AddExtraBudgets }, { name: '0012-add-jobs', class: AddJobs }];
