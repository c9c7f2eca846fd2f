import type { ApprovalView, ConversationView, Message, RunView } from '@deskhand/contracts';
import type { ApprovalRow, ConversationRow, MessageRow, RunRow } from '../database/entities.ts';

export type Activity = ConversationView['activity'];

/** `YYYY-MM-DD HH:MM:SS` of an RFC 3339 time, as the first clients of these objects expect. */
export function plainTime(time: string): string {
  return time.slice(0, 19).replace('T', ' ');
}

export function conversationView(row: ConversationRow, activity: Activity): ConversationView {
  return {
    id: row.id, title: row.title, provider: row.provider ?? null, model_name: row.modelName ?? null, system_prompt_override: row.systemPromptOverride ?? null, approval_mode: row.approvalMode,
    branch_id: row.branchId, pinned: row.pinned, archived: row.archived, activity, created_at: plainTime(row.createdAt), updated_at: plainTime(row.updatedAt),
  };
}

export function messageView(row: MessageRow): Message {
  return { id: row.id, branch_id: row.branchId, run_id: row.runId ?? null, role: row.role, content: row.content, blocks: row.blocks, cut: row.cut, model: row.model ?? null, created_at: row.createdAt };
}

export function runView(row: RunRow): RunView {
  return { id: row.id, state: row.state, message_id: row.messageId, ...(row.reason && { reason: row.reason }), ...(row.error && { error: row.error }) };
}

export function approvalView(row: ApprovalRow): ApprovalView {
  return { approval_id: row.id, conversation_id: row.conversationId, run_id: row.runId, tool_call_id: row.toolCallId, name: row.name, arguments: row.arguments, reason: row.reason, created_at: row.createdAt };
}
