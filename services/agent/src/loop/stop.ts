/** The worker may not write for this run any more, or gives it back: nothing more is done, recorded or shown. */
export class RunAbandoned extends Error {
  override readonly name = 'RunAbandoned';
}

/** A person stopped the run. */
export class RunInterrupted extends Error {
  override readonly name = 'RunInterrupted';
}

/** What can end a run from outside. */
export interface RunStop {
  /** The lease is lost or the worker is leaving: aborted once, for good. */
  readonly abandoned: AbortSignal;
  readonly interrupted: AbortSignal;
  /** The worker is leaving: begin nothing new, give the run back at the next safe point. */
  readonly draining: AbortSignal;
}

export function throwIfAbandoned(stop: RunStop): void {
  if (stop.abandoned.aborted) throw new RunAbandoned();
}

export function throwIfStopped(stop: RunStop): void {
  throwIfAbandoned(stop);
  if (stop.interrupted.aborted) throw new RunInterrupted();
}

/** The promise's outcome, or `RunAbandoned` as soon as the run is; what the promise does later is nobody's business. */
export function unlessAbandoned<Value>(work: Promise<Value>, stop: RunStop): Promise<Value> {
  return race(work, [[stop.abandoned, RunAbandoned]]);
}

/** The promise's outcome, or `RunAbandoned` / `RunInterrupted` as soon as one of these happens. */
export function unlessStopped<Value>(work: Promise<Value>, stop: RunStop): Promise<Value> {
  return race(work, [[stop.abandoned, RunAbandoned], [stop.interrupted, RunInterrupted]]);
}

function race<Value>(work: Promise<Value>, signals: readonly (readonly [AbortSignal, new () => Error])[]): Promise<Value> {
  return new Promise((resolve, reject) => {
    const listeners = signals.map(([signal, Reason]) => [signal, () => finish(() => reject(new Reason()))] as const);
    function finish(settle: () => void): void {
      for (const [signal, listener] of listeners) signal.removeEventListener('abort', listener);
      settle();
    }
    for (const [signal, listener] of listeners) {
      if (signal.aborted) {
        // The work goes on unwatched; its failure must not end the process.
        work.catch(() => {});
        return listener();
      }
      signal.addEventListener('abort', listener);
    }
    work.then((value) => finish(() => resolve(value)), (error: unknown) => finish(() => reject(error)));
  });
}
