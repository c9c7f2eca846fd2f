const levels: ReadonlyMap<unknown, string> = new Map([['warn', 'warning'], ['error', 'error'], ['fatal', 'fatal']]);
const longest = 300;

/**
 * Short form of a structured log line for the console, or null when it is not at least a warning. Lines that are not
 * structured (a crash of Node itself) stay in the log file.
 */
export function consoleForm(service: string, line: string): string | null {
  if (!line.startsWith('{')) return null;
  let entry: { level?: unknown; msg?: unknown; error?: { message?: unknown } | null };
  try {
    entry = JSON.parse(line) as typeof entry;
  } catch {
    return null;
  }
  const word = levels.get(entry.level);
  if (word === undefined) return null;
  const text = typeof entry.msg === 'string' ? entry.msg : '';
  const reason = entry.error?.message;
  const cause = typeof reason === 'string' && !text.includes(reason) ? `: ${reason}` : '';
  // One line each, whatever was thrown.
  return `${service}: ${word}: ${`${text}${cause}`.replace(/\s+/g, ' ').slice(0, longest)}`;
}
