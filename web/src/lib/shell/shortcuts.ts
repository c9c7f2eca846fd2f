const isApple = /Mac|iPhone|iPad/.test(navigator.userAgent);

/** The keys as this machine's keyboard names them. */
export const keyWords = isApple ? { palette: '⌘K', create: '⇧⌘O', list: '⌘B', help: '⌘/', steer: '⌘↵', paste: '⌘V' } : { palette: 'Ctrl K', create: 'Ctrl Shift O', list: 'Ctrl B', help: 'Ctrl /', steer: 'Ctrl Enter', paste: 'Ctrl V' };

export type Shortcut = 'palette' | 'create' | 'list' | 'help';

/** Which of the app's shortcuts a key press is. */
export function shortcutOf(event: KeyboardEvent): Shortcut | null {
  if (!(isApple ? event.metaKey : event.ctrlKey) || event.altKey) return null;
  if (event.shiftKey) return event.key.toLowerCase() === 'o' ? 'create' : null;
  if (event.key.toLowerCase() === 'k') return 'palette';
  if (event.key.toLowerCase() === 'b') return 'list';
  return event.key === '/' ? 'help' : null;
}
