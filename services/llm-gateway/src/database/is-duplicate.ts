/** Whether the database refused a row because another one has what must be its own. */
export function isDuplicate(error: unknown): boolean {
  return error instanceof Error && /unique/i.test(error.message);
}
