/** Small things this browser remembers. Storage may be blocked or full: then they last as long as the page. */
const inPage = new Map<string, string>();

export function remembered(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return inPage.get(key) ?? null;
  }
}

export function remember(key: string, value: string | null): void {
  if (value === null) inPage.delete(key);
  else inPage.set(key, value);
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // Kept in the page instead.
  }
}
