import type { PermissionFacts } from '../tools/tool.ts';

export interface ApprovalRules {
  approval_mode: 'auto' | 'ask';
  /** Tools that a person allowed for the rest of the conversation. */
  always_allowed: readonly string[];
}

/** Why a call needs a person's word, or null when it may run. */
export function reasonToAsk(tool: PermissionFacts, name: string, input: Readonly<Record<string, unknown>>, rules: ApprovalRules): string | null {
  if (rules.always_allowed.includes(name)) return null;
  const given = typeof input.reason === 'string' && input.reason.trim() !== '' ? input.reason.trim() : null;
  if (input.ask_first === true) return given ?? 'The agent asks before it does this.';
  if (rules.approval_mode === 'ask') return given ?? 'This conversation asks before every action.';
  return tool.staysInside ? null : `This reaches outside the conversation's computer${tool.reaches === undefined ? '' : `, to ${tool.reaches}`}.`;
}
