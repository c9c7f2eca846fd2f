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

export const migrations = [{ name: '0001-create-tables', class: CreateTables }, { name: '0002-add-virtual-keys', class: AddVirtualKeys }];
