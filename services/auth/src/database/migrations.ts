import { outboxTable, ServiceMigration } from '@deskhand/platform/database';

class CreateTables extends ServiceMigration {
  override up(): void {
    this.addSql(`create table users (
      id text primary key, username text not null, username_key text not null, email text not null, email_key text not null, password_hash text not null,
      is_admin boolean not null, disabled boolean not null, created_at bigint not null,
      constraint users_username_key unique (username_key), constraint users_email_key unique (email_key)
    )`);
    this.addSql(`create table sessions (
      id text primary key, user_id text not null references users (id) on delete cascade, generation integer not null,
      created_at bigint not null, last_used_at bigint not null, expires_at bigint not null, revoked_at bigint
    )`);
    this.addSql('create index sessions_user on sessions (user_id)');
    this.addSql('create index sessions_revoked on sessions (revoked_at)');
    this.addSql(`create table refresh_tokens (
      session_id text not null references sessions (id) on delete cascade, generation integer not null, token_hash text not null, used_at bigint,
      primary key (session_id, generation)
    )`);
    this.addSql(`create table api_tokens (
      id text primary key, user_id text not null references users (id) on delete cascade, name text not null, token_hash text not null,
      scopes ${this.json} not null, created_at bigint not null, expires_at bigint, last_used_at bigint,
      constraint api_tokens_hash unique (token_hash)
    )`);
    this.addSql('create index api_tokens_user on api_tokens (user_id)');
    this.addSql(`create table signing_keys (id text primary key, public_key ${this.json} not null, encrypted_private_key text not null, created_at bigint not null)`);
    this.addSql('create table attempt_counters (id text primary key, empty_at bigint not null)');
    this.addSql(outboxTable(this.dialect));
  }
}

export const migrations = [{ name: '0001-create-tables', class: CreateTables }];
