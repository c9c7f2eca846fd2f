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
    /** The manager that looks after it; nobody does when that one's lease is over. */
    managerId: p.string().nullable(),
    /** One more each time a manager takes it over: what is written with an older one is refused. */
    epoch: p.integer(),
    /** The engine that had its last container, and so the host of its files. */
    host: p.string().nullable(),
    /** Its conversation is gone; its host removes it as soon as a manager is there. */
    removedAt: time().nullable(),
  },
});

/** A manager process that runs, or did. */
export const managerEntity = defineEntity({
  name: 'Manager',
  tableName: 'managers',
  properties: {
    id: p.string().primary(),
    /** Its place: a process that begins there succeeds the one before. */
    instance: p.string(),
    /** Id of its engine; null while that does not answer. */
    host: p.string().nullable(),
    leaseUntil: time(),
    leaving: p.boolean(),
  },
});

/** A viewer's ticket that was shown. */
export const usedTicketEntity = defineEntity({ name: 'UsedTicket', tableName: 'used_tickets', properties: { id: p.string().primary(), until: time() } });

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
  managerId: string | null;
  epoch: number;
  host: string | null;
  removedAt: number | null;
}

export const entities = [computerEntity, managerEntity, usedTicketEntity];
