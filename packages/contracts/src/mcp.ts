import { z } from 'zod';
import { defineRequest } from './contract.ts';

/** How a server is spoken to: as a process inside the conversation's computer, or over HTTP (`sse`: as before streamable HTTP). */
export const mcpTransport = z.enum(['stdio', 'sse', 'streamable-http']);
export type McpTransport = z.infer<typeof mcpTransport>;

/** A server as everybody may see it. */
export const mcpServerView = z.object({ id: z.string(), name: z.string(), description: z.string(), transport: mcpTransport, is_enabled: z.boolean() });
export type McpServerView = z.infer<typeof mcpServerView>;

/** Names of secrets; their values can be written, never read. */
const secretNames = z.record(z.string(), z.null());

/** A server as administrators see it. */
export const mcpServerDetails = mcpServerView.extend({
  /** What its tools are called by: `mcp__<handle>__<tool>`. Made of the name, no two are alike. */
  handle: z.string(),
  command: z.string().nullable(),
  args: z.array(z.string()),
  url: z.string().nullable(),
  env_vars: secretNames,
  headers: secretNames,
  /** `YYYY-MM-DD HH:MM:SS`, UTC. */
  created_at: z.string(),
  updated_at: z.string(),
});
export type McpServerDetails = z.infer<typeof mcpServerDetails>;

const noControl = /^[^\p{Cc}]*$/u;
const line = (maximum: number) => z.string().trim().max(maximum).regex(noControl, 'may not hold control characters');
const name = line(80).min(1);
const argument = z.string().max(4_000).refine((text) => !text.includes('\0'), 'may not hold NUL');
const variableName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, 'must be letters, digits and _');
const ownHeaders = new Set(['host', 'content-length', 'content-type', 'transfer-encoding', 'connection', 'upgrade', 'accept', 'accept-encoding', 'mcp-session-id', 'mcp-protocol-version', 'last-event-id']);
const headerName = z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/, 'must be the name of a header').refine((header) => !ownHeaders.has(header.toLowerCase()), 'is a header that Deskhand sets itself');

const settings = {
  description: line(1_000),
  command: line(1_000).nullable(),
  args: z.array(argument).max(60),
  url: z.string().trim().max(2_000).nullable(),
  is_enabled: z.boolean(),
};

/** Values by name; `null` keeps the stored value of that name, and what is not named goes. */
export const variablesInput = z.record(variableName, z.string().max(16_000).refine((text) => !text.includes('\0'), 'may not hold NUL').nullable());
export const headersInput = z.record(headerName, z.string().max(8_000).regex(/^[\t\x20-\x7e]*$/, 'may hold printable ASCII only').nullable());

/** The first clients send lists and maps as JSON text too. */
const orJson = <Schema extends z.ZodType>(schema: Schema) => z.preprocess((value) => {
  if (typeof value !== 'string') return value;
  try {
    return value.trim() === '' ? null : (JSON.parse(value) as unknown);
  } catch {
    return value;
  }
}, schema);

/** What an administrator writes; `http` is the same as `streamable-http`. */
export const mcpServerInput = z.object({
  name,
  description: settings.description.nullable().optional(),
  transport: z.preprocess((value) => (value === 'http' || value === 'streamable_http' ? 'streamable-http' : value), mcpTransport),
  command: settings.command.optional(),
  args: orJson(settings.args.nullable()).optional(),
  url: settings.url.optional(),
  env_vars: orJson(variablesInput.nullable()).optional(),
  headers: orJson(headersInput.nullable()).optional(),
  is_enabled: z.boolean().optional(),
});

/** Values sealed to `conversations` (see sealing.ts of platform), by name. */
const sealed = z.record(z.string(), z.string().nullable());
const fields = {
  name, description: settings.description.optional(), transport: mcpTransport, command: settings.command.optional(), args: settings.args.optional(), url: settings.url.optional(), is_enabled: z.boolean().optional(),
  sealed_env_vars: sealed.optional(), sealed_headers: sealed.optional(),
};

/**
 * A chosen server as a worker gets it with its run. `environment` and `headers` are as stored: encrypted, to be opened with
 * the key of MCP secrets by the process that needs them.
 */
export const mcpServer = z.object({
  id: z.string(), name: z.string(), handle: z.string(), transport: mcpTransport, command: z.string().nullable(), args: z.array(z.string()), url: z.string().nullable(),
  environment: z.string().nullable(), headers: z.string().nullable(),
});
export type McpServer = z.infer<typeof mcpServer>;

const byGateway = { owner: 'conversations', callers: ['gateway'] } as const;
const one = z.object({ server_id: z.string() });
const conversation = { user_id: z.string(), conversation_id: z.string() };

/** What an administrator's test of a server found. */
export const mcpServerTest = z.object({
  ok: z.boolean(),
  /** Why it cannot be used; empty when it can. */
  message: z.string(),
  tools: z.array(z.object({ name: z.string(), description: z.string(), read_only: z.boolean() })),
  /** Tools that cannot be used, each with the reason. */
  left_out: z.array(z.string()),
  duration_ms: z.number(),
});
export type McpServerTest = z.infer<typeof mcpServerTest>;

/** A computer that exists for a test only. `grant` gives its whole use, its removal included, for a minute. */
export const testComputer = z.object({ computer_id: z.string(), conversation_id: z.string(), user_id: z.string(), grant: z.string() });

/** The registry of MCP servers: administrators define them, people choose among them for each conversation. */
export const mcp = {
  /** X25519 public key (base64url, raw 32 bytes) that variables and headers are sealed to before they travel. */
  sealingKey: defineRequest('conversations.mcp-sealing-key.get', { ...byGateway, idempotent: true, input: z.object({}), output: z.object({ public_key: z.string() }) }),
  list: defineRequest('conversations.mcp-server.list', { ...byGateway, idempotent: true, input: z.object({}), output: z.array(mcpServerDetails) }),
  get: defineRequest('conversations.mcp-server.get', { ...byGateway, idempotent: true, input: one, output: mcpServerDetails, errors: ['NOT_FOUND'] }),
  create: defineRequest('conversations.mcp-server.create', { ...byGateway, input: z.object(fields), output: mcpServerDetails, errors: ['BAD_INPUT'] }),
  update: defineRequest('conversations.mcp-server.update', {
    ...byGateway, idempotent: true, input: one.extend({ ...fields, name: name.optional(), transport: mcpTransport.optional() }), output: mcpServerDetails, errors: ['NOT_FOUND', 'BAD_INPUT'],
  }),
  /** Conversations that had chosen it go on without it. */
  remove: defineRequest('conversations.mcp-server.remove', { ...byGateway, input: one, output: z.object({}), errors: ['NOT_FOUND'] }),
  /** The server as a worker gets it, and a computer to test it in. */
  prepareTest: defineRequest('conversations.mcp-test.prepare', { ...byGateway, input: z.object({ user_id: z.string(), server_id: z.string() }), output: z.object({ server: mcpServer, computer: testComputer }), errors: ['NOT_FOUND'] }),
  /** What a conversation has chosen, in order of their names; one that is disabled is listed and not used. */
  chosen: defineRequest('conversations.mcp-choice.get', { ...byGateway, idempotent: true, input: z.object(conversation), output: z.array(mcpServerView), errors: ['NOT_FOUND'] }),
  choose: defineRequest('conversations.mcp-choice.set', {
    ...byGateway, idempotent: true, input: z.object({ ...conversation, server_ids: z.array(z.string().max(128)).max(32) }), output: z.array(mcpServerView), errors: ['NOT_FOUND', 'BAD_INPUT'],
  }),
} as const;

/** Purpose of the key that is derived from the master key for secrets of MCP servers: `conversations` writes with it, who uses them reads. */
export const mcpSecretPurpose = 'mcp server secrets';
/** What a stored secret of an MCP server is bound to. */
export const mcpSecretContext = (serverId: string, kind: 'environment' | 'headers'): string => JSON.stringify(['mcp server', serverId, kind]);
