import type { UsageFigures, UsageGroup, UsageSum } from '@deskhand/contracts';

export type NamedSum = UsageSum & { username?: string | null };
type Column = readonly [name: string, value: (row: NamedSum) => string | number | null | undefined];

const figures = ['calls', 'failed_calls', 'input_tokens', 'cached_tokens', 'cache_write_tokens', 'output_tokens', 'reasoning_tokens', 'cost', 'unpriced_calls'] as const satisfies readonly (keyof UsageFigures)[];
const columnsOf: Readonly<Record<UsageGroup, readonly Column[]>> = {
  hour: [['hour', (row) => row.hour]], day: [['day', (row) => row.day]], user: [['user_id', (row) => row.user_id], ['username', (row) => row.username]],
  conversation: [['conversation_id', (row) => row.conversation_id]], agent: [['agent', (row) => row.agent]], model: [['model', (row) => row.model]],
  key: [['key_hash', (row) => row.key?.hash], ['key_alias', (row) => row.key?.alias]], team: [['team_id', (row) => row.team_id]],
};

/** RFC 4180. Amounts are US dollars without an exponent. */
export function csvOf(groups: readonly UsageGroup[]): { heading: string; lines: (rows: readonly NamedSum[]) => string } {
  const columns: Column[] = [...groups.flatMap((group) => columnsOf[group]), ...figures.map((name): Column => [name, (row) => (name === 'cost' ? dollars(row.cost) : row[name])])];
  const line = (cells: readonly (string | number | null | undefined)[]): string => `${cells.map(cell).join(',')}\r\n`;
  return { heading: line(columns.map(([name]) => name)), lines: (rows) => rows.map((row) => line(columns.map(([, value]) => value(row)))).join('') };
}

const dollars = (amount: number): string => amount.toFixed(10).replace(/\.?0+$/, '');

function cell(value: string | number | null | undefined): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number') return String(value);
  // A spreadsheet takes such a text for a formula, and names of models come from callers.
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
