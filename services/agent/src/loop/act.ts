import { DeclaredError, desktop, type DesktopAction, type DesktopView } from '@deskhand/contracts';
import { startComputer } from './command.ts';
import type { RunPorts } from './ports.ts';
import { throwIfStopped, unlessStopped } from './stop.ts';
import { words } from './words.ts';

/** How long a desktop that cannot be used is asked again. */
const patienceMs = 30_000;
/** Between two questions while a person drives, and after a failure. */
const askAgainMs = { driven: 1_000, failed: 500 };

/** not-run: it certainly was not done · unknown: it may have been. */
export type Acted = { type: 'done'; view: DesktopView } | { type: 'not-run'; words: string } | { type: 'unknown'; words: string };

/**
 * Does one thing to the desktop, at most once: the manager does a call's action for the first who asks and tells all others what
 * came of it, so asking again is safe after any failure, and is how a call of a dead worker is recovered. While a person
 * drives it waits; `onWaiting` is told so once.
 */
export async function act(callId: string, action: DesktopAction, ports: RunPorts, onWaiting: () => void): Promise<Acted> {
  const { clock, computer, stop } = ports;
  let until = clock.now() + patienceMs;
  let waiting = false;
  /** Whether an answer was lost that may have been "done". */
  let lost = false;
  for (;;) {
    throwIfStopped(stop);
    const asked = clock.now();
    let problem: string;
    try {
      const view = await unlessStopped(computer.act(callId, action), stop);
      if (view.state === 'done') return { type: 'done', view };
      if (view.state === 'unknown') return { type: 'unknown', words: words.unknownEffect };
      if (!waiting) onWaiting();
      waiting = true;
      until = clock.now() + patienceMs;
      await unlessStopped(clock.sleep(askAgainMs.driven), stop);
      continue;
    } catch (error) {
      if (!(error instanceof DeclaredError)) throw error;
      problem = error.message;
      const refused = error.code === 'BAD_INPUT' || error.code === 'FORBIDDEN' || error.code === 'TOO_LARGE';
      // Only the manager's own, first answer says for sure that nothing was done; the bus may have asked more than once.
      lost ||= !refused && !(error.code === 'UNAVAILABLE' && error.cause === undefined && clock.now() - asked < desktop.act.attemptMs);
      if (refused) return lost ? { type: 'unknown', words: words.lostSight(problem) } : { type: 'not-run', words: words.refusedByComputer(problem) };
    }
    // It may have been stopped, or its manager replaced, since it was started for this run.
    const noComputer = clock.now() >= until ? problem : await startComputer(ports);
    if (noComputer !== null) return lost ? { type: 'unknown', words: words.lostSight(noComputer) } : { type: 'not-run', words: words.noComputer(noComputer) };
    await unlessStopped(clock.sleep(askAgainMs.failed), stop);
  }
}
