import type { ClaimedRun, RunEntry } from '@deskhand/contracts';
import { recordable } from './journal-queue.ts';
import { modelStep, type ModelStep } from './model-step.ts';
import type { RunPorts } from './ports.ts';
import { RunAbandoned, RunInterrupted } from './stop.ts';
import { isStuck } from './stuck.ts';
import { settleToolCalls } from './tool-phase.ts';
import { Turn, type EndedEntry } from './turn.ts';
import { words } from './words.ts';

/** Model calls one run makes. */
export const maximumSteps = 50;

/**
 * ended, parked: recorded, nothing is left to do · released: it may go on elsewhere at once ·
 * abandoned: nothing more may be done for it here · fault: recorded as failed, `error` is for the log.
 */
export type RunOutcome = { type: 'ended' | 'parked' | 'released' | 'abandoned' } | { type: 'fault'; error: unknown };

/**
 * Takes a claimed run as far as it goes. All it knows comes from the claim, and all it does is recorded, so it may be
 * dropped at any moment and begun anew from the journal. Never throws.
 */
export async function goOn(run: ClaimedRun, ports: RunPorts): Promise<RunOutcome> {
  const turn = new Turn(run, ports);
  try {
    for (;;) {
      const calls = await settleToolCalls(turn);
      if (calls.type === 'parked') return { type: 'parked' };
      if (calls.type === 'interrupted') return await endInterrupted(turn, calls.ended, null);
      if (calls.type === 'left' || ports.stop.draining.aborted) return { type: 'released' };
      const limit = turn.step >= maximumSteps ? ({ reason: 'step-limit', error: words.stepLimit(maximumSteps) } as const) : isStuck(turn.history, run.run_id) ? ({ reason: 'stuck', error: words.stuck } as const) : null;
      if (limit !== null) return await end(turn, [{ type: 'run-ended', ...limit }]);
      turn.hearSteering();
      const step = await modelStep(turn);
      if (step.type === 'interrupted') return await endInterrupted(turn, [], step);
      if (step.type === 'failed') return await end(turn, [...step.entries, { type: 'run-ended', reason: step.why, error: step.words }]);
      const more = await recordStep(turn, step);
      if (!more) return { type: 'ended' };
    }
  } catch (error) {
    if (error instanceof RunAbandoned) return { type: 'abandoned' };
    return failed(turn, error);
  }
}

/** Records a whole answer; whether the run goes on after it. */
async function recordStep(turn: Turn, step: Extract<ModelStep, { type: 'answered' }>): Promise<boolean> {
  const more = step.blocks.some((block) => block.type === 'tool_call');
  const messageId = turn.ports.newId();
  await turn.write(`${turn.step}-end`, [
    { type: 'step-ended', step: turn.step, message_id: messageId, blocks: step.blocks, model: step.model, cut: false },
    ...(more ? [] : [{ type: 'run-ended' as const, reason: 'completed' as const }]),
  ]);
  step.close();
  turn.stepRecorded(messageId, step.blocks, step.model);
  return more;
}

async function endInterrupted(turn: Turn, ended: EndedEntry[], step: Extract<ModelStep, { type: 'interrupted' }> | null): Promise<RunOutcome> {
  const entries: RunEntry[] = [...ended];
  if (step !== null && step.blocks.length > 0) {
    entries.push({ type: 'step-ended', step: turn.step, message_id: turn.ports.newId(), blocks: step.blocks, model: step.model, cut: true });
  }
  return end(turn, [...entries, { type: 'run-ended', reason: 'interrupted' }]);
}

async function end(turn: Turn, entries: RunEntry[]): Promise<RunOutcome> {
  // One record wherever it fits; the last one ends the run.
  for (const [index, part] of recordable(entries).entries()) await turn.write(`${turn.step}-run-end-${index}`, part);
  return { type: 'ended' };
}

/** A fault of ours ends the run in words, so that it is not begun again and again. */
async function failed(turn: Turn, error: unknown): Promise<RunOutcome> {
  try {
    if (error instanceof RunInterrupted) return await end(turn, [{ type: 'run-ended', reason: 'interrupted' }]);
    await end(turn, [{ type: 'run-ended', reason: 'failed', error: words.fault }]);
    return { type: 'fault', error };
  } catch {
    return { type: 'abandoned' };
  }
}
