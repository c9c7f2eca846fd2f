import { tick } from 'svelte';

/** What was just asked for gets the keyboard; for use as an attachment. Unlike `autofocus`, nothing that had it before stands in the way. */
export const focused = (element: HTMLElement): void => element.focus();

/** After a form closed: the keyboard goes on at the button that opens it (`data-opens`), else at the page's own one. */
export async function focusOpener(what: string): Promise<void> {
  await tick();
  if (document.activeElement !== document.body) return;
  const opener = (name: string): HTMLElement | null => document.querySelector(`[data-opens="${CSS.escape(name)}"]`);
  (opener(what) ?? opener('new'))?.focus();
}
