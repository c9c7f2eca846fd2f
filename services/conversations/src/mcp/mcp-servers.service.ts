import { Injectable } from '@nestjs/common';
import { DeclaredError, newId, type InputOf, type McpServer, type McpServerDetails, type McpServerView, type mcp as contracts, type OutputOf } from '@deskhand/contracts';
import { Database, type EntityManager } from '@deskhand/platform';
import { owned } from '../conversations/conversations.service.ts';
import { timestamp } from '../database/clock.ts';
import { mcpChoiceEntity, mcpServerEntity, type McpServerRow } from '../database/entities.ts';
import { freeHandle, handleOf } from './handle.ts';
import { Grants } from '../grants/grants.service.ts';
import { McpSecrets } from './mcp-secrets.ts';
import { mcpServerDetails, mcpServerForRun, mcpServerView } from './mcp-views.ts';

type Changes = Omit<InputOf<typeof contracts.update>, 'server_id'>;

/** The registry of MCP servers, and which of them each conversation has chosen. */
@Injectable()
export class McpServers {
  constructor(private readonly database: Database, private readonly secrets: McpSecrets, private readonly grants: Grants) {}

  async list(): Promise<McpServerDetails[]> {
    return this.database.read(async (em) => (await em.find(mcpServerEntity, {}, { orderBy: { name: 'asc', id: 'asc' } })).map((row) => mcpServerDetails(row, this.secrets)));
  }

  async get(id: string): Promise<McpServerDetails> {
    return this.database.read(async (em) => mcpServerDetails(await existing(em, id), this.secrets));
  }

  async create({ name, transport, ...rest }: InputOf<typeof contracts.create>): Promise<McpServerDetails> {
    const now = timestamp();
    return this.database.transaction(async (em) => {
      const row = em.create(mcpServerEntity, {
        id: newId(), name, handle: await this.handle(em, name, null), description: '', transport, command: null, args: [], url: null, environment: null, headers: null, isEnabled: true, createdAt: now, updatedAt: now,
      });
      this.apply(row, rest);
      await em.flush();
      return mcpServerDetails(row, this.secrets);
    });
  }

  async update(id: string, changes: Changes): Promise<McpServerDetails> {
    return this.database.transaction(async (em) => {
      const row = await existing(em, id);
      if (changes.name !== undefined && handleOf(changes.name) !== handleOf(row.name)) row.handle = await this.handle(em, changes.name, id);
      this.apply(row, changes);
      row.updatedAt = timestamp();
      return mcpServerDetails(row, this.secrets);
    });
  }

  /** The computer of a test belongs to no conversation: who asked for it removes it, and what is forgotten the manager finds. */
  async prepareTest(userId: string, id: string): Promise<OutputOf<typeof contracts.prepareTest>> {
    const server = await this.database.read(async (em) => mcpServerForRun(await existing(em, id)));
    const place = { computer_id: newId(), conversation_id: newId(), user_id: userId };
    return { server, computer: { ...place, grant: await this.grants.sign(userId, place.conversation_id, place.computer_id, ['computer:run', 'computer:manage']) } };
  }

  async remove(id: string): Promise<void> {
    await this.database.transaction(async (em) => {
      await existing(em, id);
      // Choices of it go with the row.
      await em.nativeDelete(mcpServerEntity, { id });
    });
  }

  async chosen(userId: string, conversationId: string): Promise<McpServerView[]> {
    return this.database.read(async (em) => {
      await owned(em, userId, conversationId);
      return (await this.rowsOf(em, conversationId)).map(mcpServerView);
    });
  }

  async choose({ user_id, conversation_id, server_ids }: InputOf<typeof contracts.choose>): Promise<McpServerView[]> {
    return this.database.transaction(async (em) => {
      await owned(em, user_id, conversation_id, 'write');
      const wanted = [...new Set(server_ids)];
      const before = new Set((await em.find(mcpChoiceEntity, { conversationId: conversation_id })).map(({ serverId }) => serverId));
      const known = new Map((await em.find(mcpServerEntity, { id: { $in: wanted } })).map((row) => [row.id, row]));
      for (const id of wanted) {
        const row = known.get(id);
        // One that was disabled after it had been chosen may stay chosen.
        if (row === undefined || (!row.isEnabled && !before.has(id))) throw new DeclaredError('BAD_INPUT', 'There is no such MCP server to choose', { server_id: id });
      }
      await em.nativeDelete(mcpChoiceEntity, { conversationId: conversation_id, serverId: { $nin: wanted } });
      for (const serverId of wanted) if (!before.has(serverId)) em.create(mcpChoiceEntity, { conversationId: conversation_id, serverId });
      await em.flush();
      return (await this.rowsOf(em, conversation_id)).map(mcpServerView);
    });
  }

  /** What a run of the conversation may use. */
  async forRun(em: EntityManager, conversationId: string): Promise<McpServer[]> {
    return (await this.rowsOf(em, conversationId)).filter(({ isEnabled }) => isEnabled).map(mcpServerForRun);
  }

  private async rowsOf(em: EntityManager, conversationId: string): Promise<McpServerRow[]> {
    const choices = await em.find(mcpChoiceEntity, { conversationId });
    return choices.length === 0 ? [] : em.find(mcpServerEntity, { id: { $in: choices.map(({ serverId }) => serverId) } }, { orderBy: { name: 'asc', id: 'asc' } });
  }

  private async handle(em: EntityManager, name: string, ownId: string | null): Promise<string> {
    const others = await em.find(mcpServerEntity, ownId === null ? {} : { id: { $ne: ownId } }, { fields: ['handle'] });
    return freeHandle(handleOf(name), new Set(others.map(({ handle }) => handle)));
  }

  private apply(row: McpServerRow, { sealed_env_vars: variables, sealed_headers: headers, is_enabled, ...changes }: Changes): void {
    if (changes.name !== undefined) row.name = changes.name;
    if (changes.description !== undefined) row.description = changes.description;
    if (changes.transport !== undefined) row.transport = changes.transport;
    if (changes.command !== undefined) row.command = changes.command === '' ? null : changes.command;
    if (changes.args !== undefined) row.args = changes.args;
    if (changes.url !== undefined) row.url = changes.url === '' ? null : changes.url;
    if (is_enabled !== undefined) row.isEnabled = is_enabled;
    if (variables !== undefined) row.environment = this.secrets.changed(row.id, 'environment', row.environment ?? null, variables);
    if (headers !== undefined) row.headers = this.secrets.changed(row.id, 'headers', row.headers ?? null, headers);
    if (row.transport === 'stdio' && !row.command) throw new DeclaredError('BAD_INPUT', 'A stdio server needs a command: a program inside the computer');
    if (row.transport !== 'stdio') assertUrl(row.url ?? '');
  }
}

async function existing(em: EntityManager, id: string): Promise<McpServerRow> {
  const row = await em.findOne(mcpServerEntity, { id });
  if (row === null) throw new DeclaredError('NOT_FOUND', 'No such MCP server');
  return row;
}

/** Whether it may be called is judged when it is called; here only that it is a plain address without credentials. */
function assertUrl(text: string): void {
  const url = URL.canParse(text) && !/[\s\\\p{Cc}]/u.test(text) ? new URL(text) : null;
  const plain = url !== null && (url.protocol === 'http:' || url.protocol === 'https:') && url.username === '' && url.password === '' && url.hash === '';
  if (!plain) throw new DeclaredError('BAD_INPUT', 'A server of this transport needs a url like https://mcp.example.com/mcp, without user name, password and fragment');
}
