const levels: ReadonlyMap<number, string> = new Map([[40, 'warning'], [50, 'error'], [60, 'fatal']]);
const longest = 300;

/**
 * Short form of a structured log line for the console, or null when it is not at least a warning. Lines that are not
 * structured (a crash of Node itself) stay in the log file.
 */
export function consoleForm(service: string, line: string): string | null {
  if (!line.startsWith('{')) return null;
  let entry: { level?: unknown; msg?: unknown; err?: { message?: unknown } };
  try {
    entry = JSON.parse(line) as typeof entry;
  } catch {
    return null;
  }
  if (typeof entry.level !== 'number' || entry.level < 40) return null;
  const text = typeof entry.msg === 'string' ? entry.msg : '';
  const word = levels.get(entry.level) ?? 'warning';
  const cause = typeof entry.err?.message === 'string' && entry.err.message !== text ? `: ${entry.err.message}` : '';
  return `${service}: ${word}: ${`${text}${cause}`.slice(0, longest)}`;
}
