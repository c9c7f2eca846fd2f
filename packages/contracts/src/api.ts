import { z } from 'zod';
import { email, password, session, tokenScope, username, userView } from './auth.ts';
import { budgetChange, budgetView } from './budgets.ts';
import { conversationSettings, maximumMessageLength } from './conversations.ts';
import { contentBlock, messageRole } from './content.ts';
import { keyHolderView, newVirtualKey, virtualKeyChange, virtualKeyView } from './llm-keys.ts';
import { configuredModel } from './llm-models.ts';
import { modelView, providerName, providerView } from './llm.ts';
import { mcpServerDetails, mcpServerInput, mcpServerTest, mcpServerView } from './mcp.ts';
import { desktopLease } from './desktop.ts';
import { defineRoute } from './route.ts';
import { computerView } from './sandbox.ts';
import { approvalDecision, approvalView, conversationView, runUsage } from './timeline.ts';
import { mostUsageRows, usageFigures, usageFilter, usageGroup, usageSum, usageTime } from './usage.ts';

const none = z.unknown();
const empty = z.object({});
const count = (minimum: number, maximum: number) => z.coerce.number().int().min(minimum).max(maximum);
const user = { access: 'user', body: none, query: none, status: 200 } as const;
const admin = { ...user, access: 'admin' } as const;
const open = { access: 'public', body: none, query: none, status: 200 } as const;

/** A message as REST shows it: the first clients' fields, and `blocks` beside them. */
export const messageView = z.object({
  id: z.string(), role: messageRole, content: z.string(),
  /** JSON text of the model's calls, or null. */
  tool_calls: z.string().nullable(),
  tool_call_id: z.string().nullable(),
  token_count: z.number().nullable(),
  /** `YYYY-MM-DD HH:MM:SS`, UTC. */
  created_at: z.string(),
  blocks: z.array(contentBlock), run_id: z.string().nullable(), model: z.string().nullable(), cut: z.boolean(),
});
export type MessageView = z.infer<typeof messageView>;

/** A message as JSON: a unit may take six bytes as an escape. */
export const longestMessageBody = 6 * maximumMessageLength + 4_096;
const saying = z.object({ content: z.string().min(1).max(maximumMessageLength), idempotency_key: z.string().min(1).max(200).optional() });
const tokenView = z.object({ id: z.string(), name: z.string(), scopes: z.array(tokenScope), created_at: z.string(), expires_at: z.string().nullable(), last_used_at: z.string().nullable() });

const usageGroups = z.string().max(100).refine((text) => text.split(',').length <= 3 && text.split(',').every((name) => usageGroup.safeParse(name).success), `must be at most three of ${usageGroup.options.join(', ')}, with commas between`);
const usageQuery = usageFilter.omit({ user_id: true }).extend({ from: usageTime.optional(), to: usageTime.optional(), group_by: usageGroups.optional() });
const usagePage = { limit: count(1, mostUsageRows).optional(), offset: count(0, 1e9).optional() };
const everyonesUsage = usageQuery.extend({ user_id: usageFilter.shape.user_id });
const usageReport = z.object({ from: z.string(), to: z.string(), rows: z.array(usageSum.extend({ username: z.string().nullable().optional() })), total: usageFigures, has_more: z.boolean() });
const csv = { answer: z.string(), contentType: 'text/csv' } as const;

const modelFields = z.object({ model_name: z.string().trim().min(1).max(300), litellm_params: z.record(z.string().max(200), z.unknown()), model_info: z.record(z.string().max(200), z.unknown()) }).partial();
const someChange: [(body: object) => boolean, string] = [(body) => Object.keys(body).length > 0, 'must name something to change'];

/** Every REST route of port 3000. */
export const api = {
  health: defineRoute('GET', '/health', { ...open, summary: 'Says ok while the process lives', answer: z.string(), contentType: 'text/plain' }),
  ready: defineRoute('GET', '/ready', { ...open, summary: 'Whether every part answers, by part; 503 when one does not', answer: z.object({ ready: z.boolean(), parts: z.record(z.string(), z.object({ ready: z.boolean(), problem: z.string().optional() })) }) }),
  metrics: defineRoute('GET', '/metrics', { ...open, access: 'metrics', summary: 'Prometheus metrics', answer: z.string(), contentType: 'text/plain' }),
  openapi: defineRoute('GET', '/api/openapi.json', { ...open, summary: 'This API as OpenAPI 3.1', answer: z.record(z.string(), z.unknown()) }),
  asyncapi: defineRoute('GET', '/api/asyncapi.json', { ...open, summary: 'The events as AsyncAPI 3', answer: z.record(z.string(), z.unknown()) }),
  docs: defineRoute('GET', '/docs', { ...open, summary: 'This API to read', answer: z.string(), contentType: 'text/html' }),

  registration: defineRoute('GET', '/api/auth/registration', { ...open, summary: 'Who may register', answer: z.object({ registration: z.enum(['open', 'invite', 'closed']), first_account: z.boolean() }) }),
  register: defineRoute('POST', '/api/auth/register', { ...open, summary: 'Make an account and sign in', body: z.object({ username, email, password, invitation: z.string().max(200).optional() }), answer: session }),
  login: defineRoute('POST', '/api/auth/login', { ...open, summary: 'Sign in', body: z.object({ username: z.string().min(1).max(320), password: z.string().min(1).max(1_000) }), answer: session }),
  refresh: defineRoute('POST', '/api/auth/refresh', { ...open, summary: 'Exchange a refresh token for its successor', body: z.object({ refresh_token: z.string().max(500).optional() }), answer: session }),
  logout: defineRoute('POST', '/api/auth/logout', { ...open, summary: 'End the session of a refresh token', body: z.object({ refresh_token: z.string().max(500).optional() }), answer: z.object({ message: z.string() }) }),

  me: defineRoute('GET', '/api/users/me', { ...user, summary: 'The signed-in user', answer: userView }),
  tokens: defineRoute('GET', '/api/users/me/tokens', { ...user, summary: 'Personal API tokens, without their secrets', answer: z.array(tokenView) }),
  createToken: defineRoute('POST', '/api/users/me/tokens', { ...user, status: 201, summary: 'Make a personal API token; its secret is shown once', body: z.object({ name: z.string().trim().min(1).max(100), scopes: z.array(tokenScope).min(1).optional(), expires_at: z.iso.datetime().nullable().optional() }), answer: z.object({ id: z.string(), token: z.string() }) }),
  revokeToken: defineRoute('DELETE', '/api/users/me/tokens/:id', { ...user, status: 204, summary: 'Revoke a personal API token', answer: empty }),
  providers: defineRoute('GET', '/api/users/me/providers', { ...user, summary: 'Configured providers', answer: z.array(providerView) }),
  saveProvider: defineRoute('POST', '/api/users/me/providers', {
    ...user, summary: 'Add or change a provider',
    body: z.object({ provider: providerName, api_key: z.string().min(1).max(10_000).optional(), endpoint_url: z.string().max(2_000).nullable().optional(), model_name: z.string().max(200).nullable().optional(), is_default: z.boolean().optional() }),
    answer: providerView,
  }),
  removeProvider: defineRoute('DELETE', '/api/users/me/providers/:provider', { ...user, status: 204, summary: 'Remove a provider and its key', answer: empty }),
  testProvider: defineRoute('POST', '/api/users/me/providers/:provider/test', { ...user, summary: 'Make one small call with the stored key', answer: z.object({ ok: z.boolean(), message: z.string(), duration_ms: z.number() }) }),
  models: defineRoute('GET', '/api/models', { ...user, summary: 'Models this user can choose', answer: z.object({ models: z.array(modelView), default_model: z.string() }) }),

  usage: defineRoute('GET', '/api/users/me/usage', { ...user, summary: 'What one used: tokens and cost, summed up by group_by', query: usageQuery.extend(usagePage), answer: usageReport }),
  usageCsv: defineRoute('GET', '/api/users/me/usage.csv', { ...user, summary: 'The same as CSV, whole', query: usageQuery, ...csv }),

  budget: defineRoute('GET', '/api/users/me/budget', { ...user, summary: 'What one may spend, and what is left of it', answer: budgetView }),

  conversations: defineRoute('GET', '/api/conversations', { ...user, summary: 'Conversations, last changed first', query: z.object({ limit: count(1, 5_000).optional(), offset: count(0, 1e9).optional(), archived: z.enum(['true', 'false']).optional() }), answer: z.array(conversationView) }),
  createConversation: defineRoute('POST', '/api/conversations', { ...user, status: 201, summary: 'Start a conversation', body: conversationSettings.optional().nullable(), answer: conversationView }),
  conversation: defineRoute('GET', '/api/conversations/:id', { ...user, summary: 'One conversation', answer: conversationView }),
  updateConversation: defineRoute('PUT', '/api/conversations/:id', { ...user, summary: 'Change its title, model or settings', body: conversationSettings, answer: conversationView }),
  removeConversation: defineRoute('DELETE', '/api/conversations/:id', { ...user, status: 204, summary: 'Delete it with its computer and files', answer: empty }),
  conversationBudget: defineRoute('GET', '/api/conversations/:id/budget', { ...user, summary: 'What it may spend, and what is left of it', answer: budgetView }),
  setConversationBudget: defineRoute('PUT', '/api/conversations/:id/budget', { ...user, summary: 'Cap what it may spend; null takes the cap away', body: budgetChange, answer: budgetView }),
  messages: defineRoute('GET', '/api/conversations/:id/messages', { ...user, summary: 'Its messages, oldest first', query: z.object({ limit: count(1, 100).optional(), offset: count(0, 1e9).optional(), before: z.string().max(100).optional(), branch: z.string().max(100).optional() }), answer: z.object({ messages: z.array(messageView), total: z.number().int(), usage: z.record(z.string(), runUsage) }) }),
  say: defineRoute('POST', '/api/conversations/:id/messages', { ...user, status: 202, summary: 'Say something; its run starts, or waits for the one before it', body: saying, bodyLimit: longestMessageBody, answer: z.object({ message_id: z.string(), run_id: z.string() }) }),
  events: defineRoute('GET', '/api/conversations/:id/events', { ...user, summary: 'Everything that happens, as server-sent events; resumes after Last-Event-ID or ?after=', query: z.object({ after: z.string().max(20_000).optional() }), answer: z.string(), contentType: 'text/event-stream' }),
  interrupt: defineRoute('POST', '/api/conversations/:id/runs/:run/interrupt', { ...user, status: 202, summary: 'Stop a run', answer: empty }),
  withdraw: defineRoute('DELETE', '/api/conversations/:id/runs/:run', { ...user, status: 204, summary: 'Take back a message that waits for its turn; 409 once its run has begun', answer: empty }),
  steer: defineRoute('POST', '/api/conversations/:id/runs/:run/steer', { ...user, status: 202, summary: 'Say something to a run at work', body: saying, bodyLimit: longestMessageBody, answer: z.object({ message_id: z.string() }) }),
  computer: defineRoute('GET', '/api/conversations/:id/sandbox', { ...user, summary: 'Its computer', answer: z.object({ computer_id: z.string(), state: computerView.shape.state, step: z.string().optional(), error: z.string().optional() }) }),
  startComputer: defineRoute('POST', '/api/conversations/:id/sandbox/start', { ...user, summary: 'Start its computer', answer: computerView }),
  stopComputer: defineRoute('POST', '/api/conversations/:id/sandbox/stop', { ...user, summary: 'Stop its computer; files stay', answer: computerView }),
  restartComputer: defineRoute('POST', '/api/conversations/:id/sandbox/restart', { ...user, summary: 'Restart its computer; files stay', answer: computerView }),
  desktopTicket: defineRoute('POST', '/api/conversations/:id/desktop/ticket', { ...user, summary: 'A WebSocket address for one viewer of its desktop, good once and for a minute; starts the computer', body: z.object({ mode: z.enum(['view', 'control']), client_id: z.string().min(1).max(100).optional() }), answer: z.object({ url: z.string() }) }),
  desktopLease: defineRoute('GET', '/api/conversations/:id/desktop/lease', { ...user, summary: 'Who drives its desktop', answer: z.object({ lease: desktopLease.nullable() }) }),
  takeDesktop: defineRoute('POST', '/api/conversations/:id/desktop/lease', { ...user, summary: 'Drive its desktop, or go on driving; 409 while somebody else does', body: z.object({ client_id: z.string().min(1).max(100).optional(), epoch: z.number().int().optional(), ask: z.boolean().optional() }).optional().nullable(), answer: desktopLease }),
  releaseDesktop: defineRoute('DELETE', '/api/conversations/:id/desktop/lease', { ...user, status: 204, summary: 'Give its desktop back to the agent, or to the tab that asked for it', query: z.object({ client_id: z.string().max(100).optional(), epoch: z.coerce.number().int().optional(), to: z.string().max(100).optional() }), answer: empty }),
  blob: defineRoute('GET', '/api/conversations/:id/blobs/:blob', { ...user, summary: 'A picture of this conversation', answer: z.string(), contentType: 'image/*' }),
  approvals: defineRoute('GET', '/api/approvals', { ...user, summary: 'Everything that waits for a decision', answer: z.array(approvalView) }),
  decide: defineRoute('POST', '/api/approvals/:id', { ...user, summary: 'Decide once', body: z.object({ decision: approvalDecision, arguments: z.record(z.string(), z.unknown()).optional() }), answer: empty }),

  mcpServers: defineRoute('GET', '/api/mcp-servers', { ...user, summary: 'MCP servers that conversations can choose', answer: z.array(mcpServerView) }),
  chosenMcpServers: defineRoute('GET', '/api/conversations/:id/mcp-servers', { ...user, summary: 'MCP servers that it has chosen', answer: z.array(mcpServerView) }),
  chooseMcpServers: defineRoute('PUT', '/api/conversations/:id/mcp-servers', { ...user, summary: 'Choose its MCP servers', body: z.object({ server_ids: z.array(z.string().max(128)).max(32) }), answer: none }),
  allMcpServers: defineRoute('GET', '/api/admin/mcp-servers', { ...user, access: 'admin', summary: 'All MCP servers, without their secrets', answer: z.array(mcpServerDetails) }),
  mcpServer: defineRoute('GET', '/api/admin/mcp-servers/:id', { ...user, access: 'admin', summary: 'One MCP server', answer: mcpServerDetails }),
  createMcpServer: defineRoute('POST', '/api/admin/mcp-servers', { ...user, access: 'admin', status: 201, summary: 'Define an MCP server', body: mcpServerInput, answer: mcpServerDetails }),
  updateMcpServer: defineRoute('PUT', '/api/admin/mcp-servers/:id', { ...user, access: 'admin', summary: 'Change an MCP server; what is not named stays', body: mcpServerInput.partial(), answer: mcpServerDetails }),
  testMcpServer: defineRoute('POST', '/api/admin/mcp-servers/:id/test', { ...user, access: 'admin', summary: 'Ask an MCP server for its tools; one inside computers gets a computer of its own for that', answer: mcpServerTest }),
  removeMcpServer: defineRoute('DELETE', '/api/admin/mcp-servers/:id', { ...user, access: 'admin', status: 204, summary: 'Remove an MCP server', answer: empty }),

  users: defineRoute('GET', '/api/admin/users', { ...user, access: 'admin', summary: 'All accounts', answer: z.array(userView) }),
  disableUser: defineRoute('PATCH', '/api/admin/users/:username', { ...user, access: 'admin', summary: 'Disable or enable an account', body: z.object({ disabled: z.boolean() }), answer: userView }),
  userBudget: defineRoute('GET', '/api/admin/users/:username/budget', { ...user, access: 'admin', summary: 'What a user may spend, and what is left of it', answer: budgetView }),
  setUserBudget: defineRoute('PUT', '/api/admin/users/:username/budget', { ...user, access: 'admin', summary: 'Cap what a user may spend in a window; null takes the cap away', body: budgetChange, answer: budgetView }),
  everyonesUsage: defineRoute('GET', '/api/admin/usage', { ...user, access: 'admin', summary: 'What everyone used: tokens and cost, summed up by group_by', query: everyonesUsage.extend(usagePage), answer: usageReport }),
  everyonesUsageCsv: defineRoute('GET', '/api/admin/usage.csv', { ...user, access: 'admin', summary: 'The same as CSV, whole', query: everyonesUsage, ...csv }),
  configuredModels: defineRoute('GET', '/api/admin/models', { ...admin, summary: 'The gateway\'s own models: of its file and added, with price, context, health and cooldowns', answer: z.object({ models: z.array(configuredModel), providers: z.array(z.string()) }) }),
  addModel: defineRoute('POST', '/api/admin/models', { ...admin, status: 201, summary: 'Add a model; keys in litellm_params are stored encrypted and never shown again', body: modelFields.required({ model_name: true, litellm_params: true }), answer: configuredModel }),
  changeModel: defineRoute('PATCH', '/api/admin/models/:id', { ...admin, summary: 'Change an added model; null takes a field away, what is absent stays', body: modelFields.refine(...someChange), answer: configuredModel }),
  removeModel: defineRoute('DELETE', '/api/admin/models/:id', { ...admin, status: 204, summary: 'Remove an added model and its keys', answer: empty }),
  testModel: defineRoute('POST', '/api/admin/model-tests', { ...admin, summary: 'Make one small call to a model; its provider\'s words', body: z.object({ id: z.string().min(1).max(300) }), answer: z.object({ ok: z.boolean(), message: z.string(), duration_ms: z.number() }) }),
  virtualKeys: defineRoute('GET', '/api/admin/llm-keys', { ...admin, summary: 'Virtual keys of the model gateway, newest first, and the users and teams that they belong to', query: z.object({ limit: count(1, 200).optional(), offset: count(0, 1e9).optional() }), answer: z.object({ keys: z.array(virtualKeyView), total: z.number().int(), holders: z.array(keyHolderView) }) }),
  makeVirtualKey: defineRoute('POST', '/api/admin/llm-keys', { ...admin, status: 201, summary: 'Make a virtual key; it is shown once', body: newVirtualKey, answer: z.object({ key: z.string(), view: virtualKeyView }) }),
  changeVirtualKey: defineRoute('PATCH', '/api/admin/llm-keys/:id', { ...admin, summary: 'Change, block or unblock a virtual key', body: virtualKeyChange.refine(...someChange), answer: virtualKeyView }),
  removeVirtualKey: defineRoute('DELETE', '/api/admin/llm-keys/:id', { ...admin, status: 204, summary: 'Delete a virtual key', answer: empty }),
  containers: defineRoute('GET', '/api/admin/containers', { ...user, access: 'admin', summary: 'All computers', answer: z.array(z.looseObject({ computer_id: z.string(), state: computerView.shape.state })) }),
} as const;
