import type { Snapshot, TimelineEvent } from '@deskhand/contracts';

interface Addressed {
  conversation_id: string;
  /** Where to go on after this frame; opaque. */
  cursor?: string;
}

export type TimelineFrame = Addressed & (({ type: 'snapshot' } & Snapshot) | TimelineEvent);
export interface ErrorFrame {
  type: 'error';
  code: string;
  message: string;
  conversation_id?: string;
}
/** Something in the list of conversations or approvals is not what it was. */
export interface ListChangedFrame {
  type: 'list-changed';
  /** The timeline event that changed it, or `reconnected` when any may have come unseen. */
  cause: string;
}

export type ServerFrame = TimelineFrame | ErrorFrame | ListChangedFrame | { type: 'pong' };

/** Frames come from this origin's server over an authenticated socket, so their type is all that is looked at. */
export function parseFrame(text: unknown): ServerFrame | null {
  if (typeof text !== 'string') return null;
  const value: unknown = JSON.parse(text);
  return typeof value === 'object' && value !== null && 'type' in value ? (value as ServerFrame) : null;
}
