import type { RunView } from '@deskhand/contracts';
import type { Lease, LeaseEnd } from '../timeline/state.ts';

export type Driver = 'me' | 'other-tab' | 'other-person' | null;

/** Who drives, as this tab sees it. */
export function driverOf(lease: Lease | null, userId: string | null, clientId: string): Driver {
  if (lease === null) return null;
  if (lease.clientId === clientId) return 'me';
  return lease.holder === userId ? 'other-tab' : 'other-person';
}

export interface Status {
  tone: 'agent' | 'person' | 'wait' | 'idle';
  /** What stands in the chip and is read out; without the time left, which changes every second. */
  text: string;
}

/** What goes on at the desktop, in words. A person who drives comes first: then nothing else moves there. */
export function statusOf(driver: Driver, run: RunView | null, approvals: number): Status {
  if (driver === 'me') return { tone: 'person', text: 'You are driving' };
  if (driver === 'other-tab') return { tone: 'person', text: 'You are driving in another tab' };
  if (driver === 'other-person') return { tone: 'person', text: 'Somebody else is driving' };
  if (approvals > 0) return { tone: 'wait', text: 'Waiting for you' };
  if (run !== null && run.state !== 'parked') return { tone: 'agent', text: 'Agent is working' };
  return { tone: 'idle', text: 'Idle' };
}

/** `9:41` from milliseconds. */
export function timeLeft(milliseconds: number): string {
  const seconds = Math.max(0, Math.ceil(milliseconds / 1_000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/** Why one's own turn at the desktop is over; null where one ended it oneself. */
export function endWords(reason: LeaseEnd): string | null {
  switch (reason) {
    case 'expired':
      return 'Your time at the desktop is over. The agent has it again.';
    case 'idle':
      return 'You did nothing for a while, so the agent has the desktop again.';
    case 'closed':
      return 'The connection to the desktop was gone, so the agent has it again.';
    case 'handed-over':
    case 'released':
      return null;
  }
}
