import type { RunView } from '@deskhand/contracts';

interface Ending {
  text: string;
  /** Stopping is not an error, and neither is a limit. */
  tone: 'quiet' | 'bad';
  action: 'retry' | 'continue' | null;
}

/** How a run ended, in words; null where the answer speaks for itself. */
export function endingOf(run: RunView | null, began: boolean): Ending | null {
  if (run?.state !== 'ended') return null;
  switch (run.reason) {
    case 'interrupted':
      return { text: began ? 'Stopped' : 'Stopped before it began', tone: 'quiet', action: began ? 'continue' : 'retry' };
    case 'failed':
      return { text: run.error ?? 'The answer failed for a reason that was not given.', tone: 'bad', action: 'retry' };
    case 'budget':
      return { text: run.error ?? 'Stopped at the limit of the budget.', tone: 'quiet', action: null };
    case 'step-limit':
      return { text: run.error ?? 'Stopped after as many steps as one turn may take.', tone: 'quiet', action: 'continue' };
    case 'stuck':
      return { text: run.error ?? 'Stopped because it repeated itself without getting on.', tone: 'quiet', action: 'retry' };
    default:
      return null;
  }
}

/** Why an answer ends in the middle; null where its end says it already. */
export function cutWords(run: RunView | null): string | null {
  if (run?.state === 'ended' && run.reason === 'interrupted') return null;
  if (run?.state === 'ended' && run.reason === 'failed') return 'Cut off when the run failed';
  return 'Cut off when the worker that wrote it stopped; it goes on below';
}
