import { outboxTable, ServiceMigration } from '@deskhand/platform/database';

class FirstTables extends ServiceMigration {
  override up(): void {
    const flag = this.dialect === 'postgres' ? 'boolean' : 'integer';
    this.addSql(outboxTable(this.dialect));
    this.addSql(`create table conversation (
      id text primary key, user_id text not null, title text not null, titled ${flag} not null, provider text, model_name text, system_prompt_override text, approval_mode text not null,
      pinned ${flag} not null, archived ${flag} not null, branch_id text not null, seq integer not null, always_allowed ${this.json} not null, created_at text not null, updated_at text not null)`);
    this.addSql('create index conversation_user on conversation (user_id, updated_at)');
    this.addSql('create table branch (id text primary key, conversation_id text not null references conversation (id) on delete cascade, computer_id text not null, created_at text not null)');
    this.addSql('create index branch_conversation on branch (conversation_id)');
    this.addSql(`create table computer (
      id text primary key, conversation_id text not null references conversation (id) on delete cascade, state text not null, step text, error text, changed_at text not null)`);
    this.addSql('create index computer_conversation on computer (conversation_id)');
    this.addSql(`create table message (
      id text primary key, conversation_id text not null references conversation (id) on delete cascade, branch_id text not null, run_id text, seq integer not null, role text not null, content text not null,
      blocks ${this.json} not null, cut ${flag} not null, model text, steering ${flag} not null, created_at text not null)`);
    this.addSql('create index message_branch on message (branch_id, run_id, seq)');
    this.addSql('create index message_run on message (run_id)');
    this.addSql(`create table run (
      id text primary key, conversation_id text not null references conversation (id) on delete cascade, branch_id text not null, user_id text not null, message_id text not null, state text not null,
      epoch integer not null, worker_id text, lease_until bigint not null, step integer not null, interrupt ${flag} not null, reason text, error text, parked_at text, created_at text not null, ended_at text)`);
    this.addSql('create index run_conversation on run (conversation_id, created_at)');
    // Ended runs are the many; the queue looks at the few others only.
    this.addSql("create index run_open on run (branch_id, state, lease_until) where state <> 'ended'");
    this.addSql(`create table tool_call (
      id text primary key, conversation_id text not null references conversation (id) on delete cascade, run_id text not null, step integer not null, position integer not null, name text not null,
      arguments ${this.json} not null, invalid_arguments text, state text not null, block text, attempt integer)`);
    this.addSql('create index tool_call_run on tool_call (run_id, step, position)');
    this.addSql(`create table approval (
      id text primary key, conversation_id text not null references conversation (id) on delete cascade, user_id text not null, run_id text not null, tool_call_id text not null, name text not null,
      arguments ${this.json} not null, reason text not null, decision text, created_at text not null, decided_at text)`);
    this.addSql('create index approval_waiting on approval (user_id) where decision is null');
    this.addSql('create index approval_run on approval (run_id)');
    this.addSql(`create table open_block (
      block text not null, attempt integer not null, conversation_id text not null references conversation (id) on delete cascade, run_id text not null, kind text not null, tool_call_id text, text text not null,
      primary key (block, attempt))`);
    this.addSql('create index open_block_run on open_block (run_id)');
    this.addSql(`create table timeline_event (
      conversation_id text not null references conversation (id) on delete cascade, seq integer not null, type text not null, data ${this.json} not null, created_at text not null, primary key (conversation_id, seq))`);
    this.addSql(`create table run_record (run_id text not null references run (id) on delete cascade, key text not null, steering ${this.json} not null, primary key (run_id, key))`);
    this.addSql(`create table said (
      user_id text not null, conversation_id text not null references conversation (id) on delete cascade, key text not null, digest text not null, message_id text not null, run_id text not null,
      primary key (user_id, conversation_id, key))`);
    this.addSql('create table taken (id text primary key, at text not null)');
    this.addSql('create table worker (instance text primary key, worker_id text not null, begun_at text not null)');
    this.addSql('create table setting (name text primary key, value text not null)');
  }
}

class DesktopLeases extends ServiceMigration {
  override up(): void {
    this.addSql(`create table desktop_lease (
      computer_id text primary key, conversation_id text not null references conversation (id) on delete cascade, epoch integer not null, holder text, client_id text,
      taken_at bigint not null, until bigint not null, asked_by text)`);
    this.addSql('create index desktop_lease_held on desktop_lease (until) where holder is not null');
  }
}

/** What was used until now is in the timeline. */
class RunUsage extends ServiceMigration {
  override up(): void {
    const [real, field] = this.dialect === 'postgres' ? ['double precision', (name: string, type: string) => `(data->>'${name}')::${type}`] as const : ['real', (name: string) => `json_extract(data, '$.${name}')`] as const;
    this.addSql(`create table run_usage (
      conversation_id text not null references conversation (id) on delete cascade, run_id text not null, calls integer not null, input_tokens bigint not null, cached_tokens bigint not null, output_tokens bigint not null,
      reasoning_tokens bigint not null, cost ${real} not null, unpriced_calls integer not null, context_tokens bigint not null, last_at text not null, primary key (conversation_id, run_id))`);
    const sum = (name: string, type = 'bigint') => `coalesce(sum(${field(name, type)}), 0)`;
    this.addSql(`insert into run_usage select conversation_id, ${field('run_id', 'text')}, count(*), ${sum('input_tokens')}, ${sum('cached_tokens')}, ${sum('output_tokens')}, ${sum('reasoning_tokens')}, ${sum('cost', 'double precision')},
      sum(case when ${field('cost', 'double precision')} is null then 1 else 0 end), max(${field('input_tokens', 'bigint')} + ${field('output_tokens', 'bigint')}), max(created_at)
      from timeline_event where type = 'usage-recorded' group by 1, 2`);
  }
}

class McpServers extends ServiceMigration {
  override up(): void {
    const flag = this.dialect === 'postgres' ? 'boolean' : 'integer';
    this.addSql(`create table mcp_server (
      id text primary key, name text not null, handle text not null unique, description text not null, transport text not null, command text, args ${this.json} not null, url text,
      environment text, headers text, is_enabled ${flag} not null, created_at text not null, updated_at text not null)`);
    this.addSql(`create table mcp_choice (
      conversation_id text not null references conversation (id) on delete cascade, server_id text not null references mcp_server (id) on delete cascade, primary key (conversation_id, server_id))`);
    this.addSql('create index mcp_choice_server on mcp_choice (server_id)');
  }
}

export const migrations = [{ name: '2026-11-21-first-tables', class: FirstTables }, { name: '2026-11-21-desktop-leases', class: DesktopLeases }, { name: '2026-11-21-run-usage', class: RunUsage }, { name: '2026-11-21-mcp-servers', class: McpServers }];
