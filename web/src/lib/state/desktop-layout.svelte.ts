import { MediaQuery } from 'svelte/reactivity';
import { choicesFrom, type Layout, layoutOf, shareFrom, twoFitQuery, withChoice } from '../desktop/layout.ts';
import { remember, remembered } from './storage.ts';

/** What the pages of conversations show beside their chat: chosen for each, remembered by this browser. */
export class DesktopLayout {
  share = $state(shareFrom(remembered('desktop-share')));
  /** The one in sight where only one fits. Not remembered: a phone begins with the chat. */
  tab = $state<'chat' | 'desktop'>('chat');
  /** The conversation in sight, and whether its desktop has been used. */
  current = $state.raw<{ id: string; used: boolean } | null>(null);
  #choices = $state.raw(choicesFrom(remembered('layouts')));
  #twoFit = new MediaQuery(twoFitQuery);

  get twoFit(): boolean {
    return this.#twoFit.current;
  }

  of(conversationId: string, used: boolean): Layout {
    return layoutOf({ chosen: this.#choices[conversationId] ?? null, tab: this.tab, used, twoFit: this.twoFit });
  }

  /** A conversation comes into sight. Returns what is to be done when it goes. */
  see(id: string, used: boolean): () => void {
    this.current = { id, used };
    return () => (this.current = null);
  }

  choose(conversationId: string, layout: Layout): void {
    this.tab = layout === 'desktop' ? 'desktop' : 'chat';
    if (!this.twoFit) return;
    this.#choices = withChoice(this.#choices, conversationId, layout);
    remember('layouts', JSON.stringify(this.#choices));
  }

  /** The desktop's share of the width; `keep` when the hand lets go of the divider. */
  resize(share: number, keep: boolean): void {
    this.share = shareFrom(share);
    if (keep) remember('desktop-share', String(this.share));
  }
}
