import 'reflect-metadata';
import type { INestApplication, INestMicroservice, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { EntitySchema } from '@mikro-orm/core';
import { health as healthContracts, metrics as metricsContracts, type ServiceName } from '@deskhand/contracts';
import type { BlobStore } from './blobs/blob-store.ts';
import type { Bus } from './bus/bus.ts';
import { BusStrategy, PassErrors } from './bus/bus-strategy.ts';
import { Database, type DatabaseOptions } from './database/database.ts';
import { Outbox } from './database/outbox.ts';
import { Health } from './health.ts';
import { Lifecycle } from './lifecycle.ts';
import { Log } from './log.ts';
import { Metrics } from './metrics.ts';
import { NestLog } from './nest-log.ts';
import { PlatformModule } from './platform.module.ts';

export interface ServiceDefinition {
  name: ServiceName;
  module: Type;
  /** The service keeps something: its entities (without the outbox) and migrations. */
  database?: { entities: readonly EntitySchema[]; migrations: DatabaseOptions['migrations'] };
  /** The service reads or writes blobs and is given a `BlobStore`. */
  blobs?: true;
  /** A service with HTTP makes its own Nest application of the given module and says when it listens. */
  http?: (module: Type | import('@nestjs/common').DynamicModule, log: Log) => Promise<{ app: INestApplication; listen: () => Promise<void> }>;
}

export interface RunningService {
  app: INestApplication | INestMicroservice;
  database: Database | null;
  lifecycle: Lifecycle;
  health: Health;
  log: Log;
  /** Drains and ends everything the service holds, the bus excepted. */
  close(): Promise<void>;
}

export interface ServiceSurroundings {
  bus: Bus;
  log: Log;
  databaseUrl?: string;
  blobs?: BlobStore | null;
}

/** Composes a service and lets it serve. Processes do this once; tests may compose several services on one bus. */
export async function composeService(definition: ServiceDefinition, { bus, log, databaseUrl, blobs = null }: ServiceSurroundings): Promise<RunningService> {
  if (definition.blobs === true && blobs === null) throw new Error(`The ${definition.name} service needs BLOB_STORE`);
  const lifecycle = new Lifecycle(log);
  const health = new Health();
  const metrics = new Metrics();
  let database: Database | null = null;
  let outbox: Outbox | null = null;
  if (definition.database !== undefined) {
    if (databaseUrl === undefined) throw new Error(`The ${definition.name} service needs DATABASE_URL`);
    const { outboxEntity } = await import('./database/outbox-row.ts');
    database = await Database.open({ url: databaseUrl, entities: [...definition.database.entities, outboxEntity as unknown as EntitySchema], migrations: definition.database.migrations, log });
    outbox = new Outbox(database, bus, log, outboxEntity);
    const opened = database;
    health.add('database', async () => opened.check());
  }
  metrics.add({
    name: 'deskhand_events_given_up_total', help: 'Events that could not be handled, or published, and were given up', type: 'counter',
    read: async () => [{ value: bus.givenUp, labels: { reason: 'failed' } }, ...(outbox === null ? [] : [{ value: outbox.givenUp, labels: { reason: 'too-large' } }])],
  });
  const strategy = new BusStrategy(bus);
  const platform = PlatformModule.with({ bus, log, lifecycle, health, metrics, database, outbox, blobs: definition.blobs === true ? blobs : null });
  const root = rootModule(definition.module, platform);
  const logger = new NestLog(log);
  let app: INestApplication | INestMicroservice;
  if (definition.http === undefined) {
    app = await NestFactory.createMicroservice(root, { strategy, logger, abortOnError: false });
    app.useGlobalFilters(new PassErrors());
    await app.listen();
  } else {
    const made = await definition.http(root, log);
    app = made.app;
    const transport = made.app.connectMicroservice({ strategy }, { inheritAppConfig: false, deferInitialization: true });
    transport.useGlobalFilters(new PassErrors());
    await made.app.startAllMicroservices();
    await made.listen();
  }
  const healthServer = await bus.serve(healthContracts[definition.name], null, async () => ({ parts: await health.inspect() }));
  const metricsServer = await bus.serve(metricsContracts[definition.name], null, async () => ({ samples: await metrics.read() }));
  outbox?.start();
  lifecycle.onDrain(80, async () => { await Promise.all([healthServer.close(), metricsServer.close()]); await app.close(); });
  lifecycle.onDrain(90, async () => outbox?.close());
  lifecycle.onDrain(95, async () => database?.close());
  return { app, database, lifecycle, health, log, close: async () => lifecycle.drain() };
}

/** A module of its own for every composition: Nest keys modules by class. */
function rootModule(module: Type, platform: import('@nestjs/common').DynamicModule): import('@nestjs/common').DynamicModule {
  class RootModule {}
  return { module: RootModule, imports: [platform, module] };
}
