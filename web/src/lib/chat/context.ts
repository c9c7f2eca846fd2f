import { createContext } from 'svelte';

/** The id of the conversation that is shown, for what is far inside of it. */
export const [useConversation, provideConversation] = createContext<string>();
