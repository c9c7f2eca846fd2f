import type { ApprovalView } from '@deskhand/contracts';
import { remember, remembered } from './storage.ts';

export type AlertState = 'off' | 'on' | 'blocked' | 'impossible';

/** Tells this device when something waits while nobody looks at the page. Off until the person turns it on. */
export class Alerts {
  #wanted = $state(remembered('alerts') === 'on');
  #permission = $state<NotificationPermission | null>(typeof Notification === 'undefined' ? null : Notification.permission);

  get state(): AlertState {
    // Browsers offer them to secure addresses only.
    if (this.#permission === null || !isSecureContext) return 'impossible';
    if (this.#permission === 'denied') return 'blocked';
    return this.#wanted && this.#permission === 'granted' ? 'on' : 'off';
  }

  async turnOn(): Promise<void> {
    this.#permission = await Notification.requestPermission();
    this.#want(this.#permission === 'granted');
  }

  turnOff(): void {
    this.#want(false);
  }

  /** Several tabs tell of the same approval; the browser shows one of them, by its tag. */
  tell({ approval_id, reason }: ApprovalView, question: string, open: () => void): void {
    if (this.state !== 'on' || document.visibilityState === 'visible') return;
    try {
      const shown = new Notification('Deskhand waits for you', { body: reason === '' ? question : `${question} ${reason}`, tag: approval_id });
      shown.onclick = () => {
        window.focus();
        shown.close();
        open();
      };
    } catch {
      // Some phones have the name and refuse the use of it: the inbox still shows it.
    }
  }

  #want(wanted: boolean): void {
    this.#wanted = wanted;
    remember('alerts', wanted ? 'on' : null);
  }
}
