import type { DesktopLease } from '@deskhand/contracts';
import type { EntityManager } from '@deskhand/platform';
import { desktopLeaseEntity, type DesktopLeaseRow } from '../database/entities.ts';

/** Whether somebody drives; `now` by the database's clock. */
export function isHeld(row: Pick<DesktopLeaseRow, 'holder' | 'until'>, now: number): boolean {
  return row.holder !== null && row.holder !== undefined && row.until > now;
}

/** The lease as others see it; null when nobody holds it. */
export function leaseOf(row: DesktopLeaseRow): DesktopLease | null {
  if (row.holder === null || row.holder === undefined) return null;
  return { holder: row.holder, client_id: row.clientId ?? null, epoch: row.epoch, until: new Date(row.until).toISOString() };
}

/** Whether a person drives the desktop of this computer; `now` by the database's clock. */
export async function isDriven(em: EntityManager, computerId: string, now: number): Promise<boolean> {
  const row = await em.findOne(desktopLeaseEntity, computerId);
  return row !== null && isHeld(row, now);
}
