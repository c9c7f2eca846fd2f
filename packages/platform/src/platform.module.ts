import { Global, Module, type DynamicModule, type Provider } from '@nestjs/common';
import { BlobStore } from './blobs/blob-store.ts';
import { Bus } from './bus/bus.ts';
import { Database } from './database/database.ts';
import { Outbox } from './database/outbox.ts';
import { Health } from './health.ts';
import { Lifecycle } from './lifecycle.ts';
import { Log } from './log.ts';
import { Metrics } from './metrics.ts';

export interface PlatformParts {
  bus: Bus;
  log: Log;
  lifecycle: Lifecycle;
  health: Health;
  metrics: Metrics;
  /** Absent in services that keep nothing. */
  database: Database | null;
  outbox: Outbox | null;
  /** Absent in services that neither read nor write blobs. */
  blobs: BlobStore | null;
}

/** Gives every module of a service the parts it runs on. */
@Global()
@Module({})
export class PlatformModule {
  static with(parts: PlatformParts): DynamicModule {
    const providers: Provider[] = [
      { provide: Bus, useValue: parts.bus },
      { provide: Log, useValue: parts.log },
      { provide: Lifecycle, useValue: parts.lifecycle },
      { provide: Health, useValue: parts.health },
      { provide: Metrics, useValue: parts.metrics },
    ];
    if (parts.database !== null) providers.push({ provide: Database, useValue: parts.database });
    if (parts.outbox !== null) providers.push({ provide: Outbox, useValue: parts.outbox });
    if (parts.blobs !== null) providers.push({ provide: BlobStore, useValue: parts.blobs });
    return { module: PlatformModule, providers, exports: providers.map((provider) => (provider as { provide: symbol }).provide) };
  }
}
