import { goto } from '$app/navigation';
import { page } from '$app/state';
import type { ConversationView } from '@deskhand/contracts';
import Archive from '@lucide/svelte/icons/archive';
import ArchiveRestore from '@lucide/svelte/icons/archive-restore';
import Pencil from '@lucide/svelte/icons/pencil';
import Pin from '@lucide/svelte/icons/pin';
import PinOff from '@lucide/svelte/icons/pin-off';
import Plug from '@lucide/svelte/icons/plug';
import Trash2 from '@lucide/svelte/icons/trash-2';
import type { MenuItem } from '../components/menu.svelte';
import type { App } from '../state/app.svelte.ts';

interface Asks {
  rename: () => void;
  remove: () => void;
  /** Chooses its MCP servers, where it is open. */
  tools?: () => void;
}

/** What can be done with a conversation, in the same order wherever it is listed. */
export function conversationActions(app: App, { id, pinned, archived }: ConversationView, { rename, remove, tools }: Asks): MenuItem[] {
  const set = (settings: { pinned: boolean } | { archived: boolean }) => app.attempt(() => app.conversations.update(id, settings));
  const archive = async () => {
    if (!(await set({ archived: true }))) return;
    app.notices.say('Archived. It is kept in Settings → Archived.');
    if (page.params['id'] === id) await goto('/');
  };
  return [
    { label: 'Rename', icon: Pencil, onselect: rename },
    pinned ? { label: 'Unpin', icon: PinOff, onselect: () => set({ pinned: false }) } : { label: 'Pin', icon: Pin, onselect: () => set({ pinned: true }) },
    archived ? { label: 'Restore', icon: ArchiveRestore, onselect: () => set({ archived: false }) } : { label: 'Archive', icon: Archive, onselect: archive },
    ...(tools ? [{ label: 'MCP servers', icon: Plug, hint: 'Tools that this conversation may use', onselect: tools }] : []),
    { label: 'Delete', icon: Trash2, bad: true, onselect: remove },
  ];
}
