import { Database, type EntityManager } from '@deskhand/platform';
import { LockMode } from '@deskhand/platform/database';
import { Inject, Injectable } from '@nestjs/common';
import { modelEntity, revisionEntity, type ModelRow } from '../database/entities.ts';

const subject = 'models';

/** Models that were added while running. Every change counts one revision further, in the same transaction. */
@Injectable()
export class ModelsRepository {
  constructor(@Inject(Database) private readonly database: Database) {}

  async revision(): Promise<number> {
    return this.database.read(async (em) => (await em.findOneOrFail(revisionEntity, subject)).count);
  }

  /** Oldest first. */
  async list(): Promise<ModelRow[]> {
    return this.database.read(async (em) => em.find(modelEntity, {}, { orderBy: { createdAt: 'asc', id: 'asc' } }));
  }

  async find(id: string): Promise<ModelRow | null> {
    return this.database.read(async (em) => em.findOne(modelEntity, id));
  }

  /** False when there is one of that id. */
  async add(row: ModelRow): Promise<boolean> {
    return this.database.transaction(async (em) => {
      await this.count(em);
      if ((await em.findOne(modelEntity, row.id)) !== null) return false;
      em.create(modelEntity, row);
      return true;
    });
  }

  /** Writes a row that was read before; false when it was changed or removed meanwhile. */
  async change(row: ModelRow, readAt: number): Promise<boolean> {
    return this.database.transaction(async (em) => {
      await this.count(em);
      const known = await em.findOne(modelEntity, row.id);
      if (known === null || known.updatedAt !== readAt) return false;
      Object.assign(known, row);
      return true;
    });
  }

  /** False when there was none. */
  async remove(id: string): Promise<boolean> {
    return this.database.transaction(async (em) => {
      await this.count(em);
      return (await em.nativeDelete(modelEntity, { id })) > 0;
    });
  }

  /** Writers wait for each other here, so that no revision stands for two states. */
  private async count(em: EntityManager): Promise<void> {
    const revision = await em.findOneOrFail(revisionEntity, subject, { lockMode: LockMode.PESSIMISTIC_WRITE });
    revision.count++;
  }
}
