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

export const migrations = [{ name: '0001-create-tables', class: CreateTables }];
