import type { ComputerState } from '@deskhand/contracts';
import { defineEntity, p } from '@deskhand/platform/database';

/** Times are Unix milliseconds. */
const time = () => p.bigint('number');

export const computerEntity = defineEntity({
  name: 'Computer',
  tableName: 'computers',
  properties: {
    id: p.string().primary(),
    conversationId: p.string(),
    userId: p.string(),
    /** The engine's id of its container; null while it has none. */
    containerId: p.string().nullable(),
    state: p.string().$type<ComputerState>(),
    step: p.text().nullable(),
    error: p.text().nullable(),
    createdAt: time(),
    startedAt: time().nullable(),
    lastUsedAt: time(),
    pausedAt: time().nullable(),
    stoppedAt: time().nullable(),
    /** When the last news of it were told: never twice the same, so that readers can put news in order. */
    changedAt: time(),
  },
});

export interface ComputerRow {
  id: string;
  conversationId: string;
  userId: string;
  containerId: string | null;
  state: ComputerState;
  step: string | null;
  error: string | null;
  createdAt: number;
  startedAt: number | null;
  lastUsedAt: number;
  pausedAt: number | null;
  stoppedAt: number | null;
  changedAt: number;
}

export const entities = [computerEntity];
