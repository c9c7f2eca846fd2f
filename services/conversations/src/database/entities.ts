import { defineEntity, p, type EntitySchema, type InferEntity } from '@deskhand/platform/database';
import type { BlockKind, ComputerState, ContentBlock, EndReason, McpTransport, MessageRole, RunState, ToolCallState } from '@deskhand/contracts';

export const conversationEntity = defineEntity({
  name: 'Conversation',
  properties: {
    id: p.string().primary(),
    userId: p.string(),
    title: p.string(),
    /** False until a person named it: then the first message gives the title. */
    titled: p.boolean(),
    provider: p.string().nullable(),
    modelName: p.string().nullable(),
    systemPromptOverride: p.text().nullable(),
    approvalMode: p.string().$type<'auto' | 'ask'>(),
    pinned: p.boolean(),
    archived: p.boolean(),
    branchId: p.string(),
    /** `seq` of the newest durable event. */
    seq: p.integer(),
    /** Tools that a person allowed for good in this conversation. */
    alwaysAllowed: p.json<string[]>(),
    createdAt: p.string(),
    updatedAt: p.string(),
  },
});
export type ConversationRow = InferEntity<typeof conversationEntity>;

export const branchEntity = defineEntity({
  name: 'Branch',
  properties: { id: p.string().primary(), conversationId: p.string(), computerId: p.string(), createdAt: p.string() },
});

export const computerEntity = defineEntity({
  name: 'Computer',
  properties: {
    id: p.string().primary(),
    conversationId: p.string(),
    state: p.string().$type<ComputerState>(),
    step: p.string().nullable(),
    error: p.string().nullable(),
    /** When the manager said so, RFC 3339: older news are ignored. */
    changedAt: p.string(),
  },
});

export const messageEntity = defineEntity({
  name: 'Message',
  properties: {
    id: p.string().primary(),
    conversationId: p.string(),
    branchId: p.string(),
    runId: p.string().nullable(),
    /** Its place: the `seq` of the event that added it. */
    seq: p.integer(),
    role: p.string().$type<MessageRole>(),
    content: p.text(),
    blocks: p.json<ContentBlock[]>(),
    cut: p.boolean(),
    model: p.string().nullable(),
    /** A person's word to a run at work that the model has not been given yet. */
    steering: p.boolean(),
    createdAt: p.string(),
  },
});
export type MessageRow = InferEntity<typeof messageEntity>;

export const runEntity = defineEntity({
  name: 'Run',
  properties: {
    id: p.string().primary(),
    conversationId: p.string(),
    branchId: p.string(),
    userId: p.string(),
    messageId: p.string(),
    state: p.string().$type<RunState>(),
    /** Grows with every claim; writes that name another one are refused. */
    epoch: p.integer(),
    workerId: p.string().nullable(),
    /** Milliseconds by the database's clock; 0 when nobody holds it. */
    leaseUntil: p.bigint('number'),
    /** Model calls recorded so far. */
    step: p.integer(),
    /** A person asked to stop it while a worker held it. */
    interrupt: p.boolean(),
    reason: p.string().$type<EndReason>().nullable(),
    error: p.text().nullable(),
    /** RFC 3339; set while it waits for a person. */
    parkedAt: p.string().nullable(),
    createdAt: p.string(),
    endedAt: p.string().nullable(),
  },
});
export type RunRow = InferEntity<typeof runEntity>;

/** What the model calls of a run used, summed up. */
export const runUsageEntity = defineEntity({
  name: 'RunUsage',
  properties: {
    conversationId: p.string().primary(),
    runId: p.string().primary(),
    calls: p.integer(),
    inputTokens: p.bigint('number'),
    cachedTokens: p.bigint('number'),
    outputTokens: p.bigint('number'),
    reasoningTokens: p.bigint('number'),
    /** US dollars, of the calls whose price is known. */
    cost: p.float(),
    unpricedCalls: p.integer(),
    /** What the last call read and wrote. */
    contextTokens: p.bigint('number'),
    lastAt: p.string(),
  },
});
export type RunUsageRow = InferEntity<typeof runUsageEntity>;

export const toolCallEntity = defineEntity({
  name: 'ToolCall',
  properties: {
    id: p.string().primary(),
    conversationId: p.string(),
    runId: p.string(),
    step: p.integer(),
    position: p.integer(),
    name: p.string(),
    arguments: p.json<Record<string, unknown>>(),
    invalidArguments: p.text().nullable(),
    state: p.string().$type<ToolCallState>(),
    /** Where its output streams; set when it starts. */
    block: p.string().nullable(),
    attempt: p.integer().nullable(),
  },
});
export type ToolCallRow = InferEntity<typeof toolCallEntity>;

export const approvalEntity = defineEntity({
  name: 'Approval',
  properties: {
    id: p.string().primary(),
    conversationId: p.string(),
    userId: p.string(),
    runId: p.string(),
    toolCallId: p.string(),
    name: p.string(),
    arguments: p.json<Record<string, unknown>>(),
    reason: p.text(),
    decision: p.string().$type<'allow' | 'always' | 'deny' | 'interrupted'>().nullable(),
    createdAt: p.string(),
    decidedAt: p.string().nullable(),
  },
});
export type ApprovalRow = InferEntity<typeof approvalEntity>;

/** The saved text of a block that still grows. */
export const openBlockEntity = defineEntity({
  name: 'OpenBlock',
  properties: {
    block: p.string().primary(),
    attempt: p.integer().primary(),
    conversationId: p.string(),
    runId: p.string(),
    kind: p.string().$type<BlockKind>(),
    toolCallId: p.string().nullable(),
    text: p.text(),
  },
});
export type OpenBlockRow = InferEntity<typeof openBlockEntity>;

/** Whose turn it is at a desktop. */
export const desktopLeaseEntity = defineEntity({
  name: 'DesktopLease',
  properties: {
    computerId: p.string().primary(),
    conversationId: p.string(),
    /** Grows with every take; kept when nobody drives. */
    epoch: p.integer(),
    holder: p.string().nullable(),
    /** The tab that drives, when it said which it is. */
    clientId: p.string().nullable(),
    /** Milliseconds by the database's clock. */
    takenAt: p.bigint('number'),
    until: p.bigint('number'),
    /** The tab, or else the user, that wants to drive next. */
    askedBy: p.string().nullable(),
  },
});
export type DesktopLeaseRow = InferEntity<typeof desktopLeaseEntity>;

export const saidEntity = defineEntity({
  name: 'Said',
  properties: { userId: p.string().primary(), conversationId: p.string().primary(), key: p.string().primary(), digest: p.string(), messageId: p.string(), runId: p.string() },
});

/** An MCP server as an administrator defined it. */
export const mcpServerEntity = defineEntity({
  name: 'McpServer',
  properties: {
    id: p.string().primary(),
    name: p.string(),
    handle: p.string(),
    description: p.text(),
    transport: p.string().$type<McpTransport>(),
    command: p.text().nullable(),
    args: p.json<string[]>(),
    url: p.text().nullable(),
    /** Names and values, encrypted; null when there are none. */
    environment: p.text().nullable(),
    headers: p.text().nullable(),
    isEnabled: p.boolean(),
    createdAt: p.string(),
    updatedAt: p.string(),
  },
});
export type McpServerRow = InferEntity<typeof mcpServerEntity>;

/** A conversation uses a server. */
export const mcpChoiceEntity = defineEntity({ name: 'McpChoice', properties: { conversationId: p.string().primary(), serverId: p.string().primary() } });

/** Events from other services that were already taken. */
export const takenEntity = defineEntity({ name: 'Taken', properties: { id: p.string().primary(), at: p.string() } });

/** The worker process that began last at each place. */
export const workerEntity = defineEntity({ name: 'Worker', properties: { instance: p.string().primary(), workerId: p.string(), begunAt: p.string() } });

export const settingEntity = defineEntity({ name: 'Setting', properties: { name: p.string().primary(), value: p.text() } });

export const entities = [
  conversationEntity, branchEntity, computerEntity, messageEntity, runEntity, runUsageEntity, toolCallEntity, approvalEntity, openBlockEntity, desktopLeaseEntity, mcpServerEntity, mcpChoiceEntity, saidEntity, takenEntity, workerEntity, settingEntity,
] as unknown as EntitySchema[];
