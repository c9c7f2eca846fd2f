import { serverNow } from '../text/clock.ts';

/** The server's time as a state that goes on every second; for use in a component. */
export class Ticking {
  now = $state(serverNow());

  constructor() {
    $effect(() => {
      const timer = setInterval(() => (this.now = serverNow()), 1_000);
      return () => clearInterval(timer);
    });
  }
}
