import type { Computer } from '../timeline/state.ts';

export interface ComputerWords {
  label: string;
  dot: 'running' | 'good' | 'quiet' | 'bad';
  /** Worth a line of its own: a wait with its step, a failure or an unwanted end with its reason. */
  strip: string | null;
}

/** What a conversation's computer does, in words; null while it has none. */
export function computerWords(computer: Computer | null): ComputerWords | null {
  switch (computer?.state) {
    case undefined:
    case 'none':
      return null;
    case 'starting':
      return { label: 'Preparing', dot: 'running', strip: stepOf('Preparing computer', computer.step) };
    case 'ready':
      return { label: 'Ready', dot: 'good', strip: computer.step ?? null };
    case 'paused':
      return { label: 'Paused', dot: 'quiet', strip: null };
    case 'stopping':
      return { label: 'Stopping', dot: 'running', strip: stepOf('Stopping computer', computer.step) };
    case 'stopped':
      return { label: 'Stopped', dot: 'quiet', strip: computer.error ?? null };
    case 'failed':
      return { label: 'Failed', dot: 'bad', strip: `The computer failed: ${computer.error ?? 'no reason was given'}` };
  }
}

/** Steps may already say what they are a step of. */
function stepOf(what: string, step: string | undefined): string {
  if (!step) return what;
  return step.toLowerCase().startsWith(what.toLowerCase()) ? step : `${what}: ${step}`;
}
