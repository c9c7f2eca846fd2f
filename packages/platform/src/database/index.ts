/** What services that keep something need beside `@deskhand/platform`: apart, so that the others never load MikroORM. */
export { Migration } from '@mikro-orm/migrations';
export { ServiceMigration } from './service-migration.ts';
export { defineEntity, LockMode, p, type EntitySchema, type InferEntity } from '@mikro-orm/core';
export { outboxTable } from './outbox-row.ts';
