import type { UsageSum } from '@deskhand/contracts';
import type { UsageLine } from './usage-table.svelte';

/** Rows of a report as lines of a table. */
export function linesOf<Row extends UsageSum>(rows: readonly Row[], keyOf: (row: Row) => string, words: (row: Row) => Omit<UsageLine, 'key' | 'figures'>): UsageLine[] {
  return rows.map((row) => ({ key: keyOf(row), figures: row, ...words(row) }));
}

const agentNames: Readonly<Record<string, string>> = { deskhand: 'Deskhand', 'claude-code': 'Claude Code', codex: 'Codex', opencode: 'OpenCode', aider: 'Aider' };

export const agentName = (agent: string | null): string => (agent === null ? 'Other programs' : (agentNames[agent] ?? agent));
