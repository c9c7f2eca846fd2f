import { newId, type ProviderName } from '@deskhand/contracts';
import { Database, type EntityManager } from '@deskhand/platform';
import { Inject, Injectable } from '@nestjs/common';
import { providerEntity, type ProviderRow } from '../database/entities.ts';

export interface ProviderChanges {
  /** Absent: the stored key stays. */
  encryptedKey?: string;
  endpointUrl?: string | null;
  modelName?: string | null;
  isDefault?: boolean;
}

/** Users' providers: at most one of each name a user, at most one default. */
@Injectable()
export class ProvidersRepository {
  constructor(@Inject(Database) private readonly database: Database) {}

  /** Oldest first. */
  async list(userId: string): Promise<ProviderRow[]> {
    return this.database.read(async (em) => em.find(providerEntity, { userId }, { orderBy: { createdAt: 'asc', id: 'asc' } }));
  }

  async find(userId: string, provider: string): Promise<ProviderRow | null> {
    return this.database.read(async (em) => em.findOne(providerEntity, { userId, provider }));
  }

  /** Adds or changes one; null when it would be new and no key was given. */
  async save(userId: string, provider: ProviderName, changes: ProviderChanges, now = Date.now()): Promise<ProviderRow | null> {
    return this.database.transaction(async (em) => {
      const row = (await em.findOne(providerEntity, { userId, provider })) ?? addRow(em, userId, provider, changes, now);
      if (!row) return null;
      if (changes.encryptedKey !== undefined) row.encryptedKey = changes.encryptedKey;
      if (changes.endpointUrl !== undefined) row.endpointUrl = changes.endpointUrl;
      if (changes.modelName !== undefined) row.modelName = changes.modelName;
      if (changes.isDefault !== undefined) row.isDefault = changes.isDefault;
      row.updatedAt = now;
      if (row.isDefault) await em.nativeUpdate(providerEntity, { userId, provider: { $ne: provider } }, { isDefault: false });
      return row;
    });
  }

  /** False when there was none. */
  async remove(userId: string, provider: ProviderName): Promise<boolean> {
    return this.database.transaction(async (em) => (await em.nativeDelete(providerEntity, { userId, provider })) > 0);
  }
}

function addRow(em: EntityManager, userId: string, provider: ProviderName, changes: ProviderChanges, now: number): ProviderRow | null {
  if (changes.encryptedKey === undefined) return null;
  return em.create(providerEntity, { id: newId(now), userId, provider, encryptedKey: changes.encryptedKey, endpointUrl: null, modelName: null, isDefault: false, createdAt: now, updatedAt: now }, { persist: true });
}
