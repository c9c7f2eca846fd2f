import { outboxTable, ServiceMigration } from '@deskhand/platform/database';

class CreateTables extends ServiceMigration {
  override up(): void {
    this.addSql(`create table computers (
      id text primary key, conversation_id text not null, user_id text not null, container_id text, state text not null, step text, error text,
      created_at bigint not null, started_at bigint, last_used_at bigint not null, paused_at bigint, stopped_at bigint, changed_at bigint not null
    )`);
    this.addSql('create index computers_state on computers (state)');
    this.addSql(outboxTable(this.dialect));
  }
}

export const migrations = [{ name: '20261121000000_create-tables', class: CreateTables }];
