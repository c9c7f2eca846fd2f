import { createContext } from 'svelte';

/** What pages ask of the frame around them. */
export interface Shell {
  /** Shows the conversation list where there is no room for it beside the page. */
  openDrawer(): void;
}

export const [useShell, provideShell] = createContext<Shell>();
