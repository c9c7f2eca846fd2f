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

/** Each computer has a manager, one of any number. */
class AddManagers extends ServiceMigration {
  override up(): void {
    const flag = this.dialect === 'postgres' ? 'boolean' : 'integer';
    this.addSql(`create table managers (id text primary key, instance text not null, host text, lease_until bigint not null, leaving ${flag} not null)`);
    for (const column of ['manager_id text', 'epoch integer not null default 0', 'host text', 'removed_at bigint']) this.addSql(`alter table computers add column ${column}`);
    this.addSql('create index computers_manager on computers (manager_id)');
  }
}

class AddTickets extends ServiceMigration {
  override up(): void {
    this.addSql('create table used_tickets (id text primary key, until bigint not null)');
    this.addSql('create index used_tickets_until on used_tickets (until)');
  }
}

export const migrations = [
  { name: '20261121000000_create-tables', class: CreateTables },
  { name: '20261122000000_add-managers', class: AddManagers },
  { name: '20261123000000_add-tickets', class: AddTickets },
];
