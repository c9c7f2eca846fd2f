import { jetstream, jetstreamManager, RetentionPolicy, StorageType, type JetStreamManager } from '@nats-io/jetstream';
import { headers, type NatsConnection } from '@nats-io/transport-node';
import { valueStream, valueSubject, type ValueStoreContract } from '@deskhand/contracts';
import type { SharedValue, SharedValues } from './bus.ts';

/** A value that nobody has after this time is one that is not there: it is only a cache. */
const patienceMs = 1_000;
const keyShape = /^[A-Za-z0-9_-]{1,200}$/;

/** Shared values in a JetStream stream in memory: one message a subject, read past any consumer. */
export class NatsValues implements SharedValues {
  private ready: Promise<JetStreamManager> | null = null;

  constructor(private readonly connection: NatsConnection, private readonly store: ValueStoreContract) {}

  async get(key: string): Promise<SharedValue | null> {
    return this.attempt(async (manager) => {
      const found = await manager.direct.getMessage(valueStream(this.store), { last_by_subj: this.subject(key) });
      if (found === null) return null;
      const carried: Record<string, string> = {};
      for (const name of found.header.keys()) if (name.startsWith('Value-')) carried[name.slice('Value-'.length)] = found.header.get(name);
      return { bytes: found.data, fields: carried };
    });
  }

  async put(key: string, { bytes, fields }: SharedValue): Promise<void> {
    await this.attempt(async () => {
      const carried = headers();
      for (const [name, value] of Object.entries(fields)) carried.set(`Value-${name}`, value);
      await jetstream(this.connection, { timeout: patienceMs }).publish(this.subject(key), bytes, { headers: carried });
    });
  }

  async remove(key: string): Promise<void> {
    await this.attempt(async (manager) => manager.streams.purge(valueStream(this.store), { filter: this.subject(key) }));
  }

  async clear(): Promise<void> {
    await this.attempt(async (manager) => manager.streams.purge(valueStream(this.store)));
  }

  private subject(key: string): string {
    if (!keyShape.test(key)) throw new Error('A key of a shared value may hold letters, digits, - and _ only');
    return valueSubject(this.store, key);
  }

  /** A stream that vanished with its server is made again by the next attempt. */
  private async attempt<Result>(work: (manager: JetStreamManager) => Promise<Result>): Promise<Result> {
    this.ready ??= this.prepare();
    try {
      return await work(await this.ready);
    } catch (error) {
      this.ready = null;
      throw error;
    }
  }

  private async prepare(): Promise<JetStreamManager> {
    const { maxBytes, maxAgeMs } = this.store;
    const name = valueStream(this.store);
    const manager = await jetstreamManager(this.connection, { timeout: patienceMs, checkAPI: false });
    const config = { name, subjects: [valueSubject(this.store, '*')], storage: StorageType.Memory, retention: RetentionPolicy.Limits, max_msgs_per_subject: 1, max_bytes: maxBytes, max_age: maxAgeMs * 1e6, allow_direct: true };
    try {
      await manager.streams.add(config);
    } catch (error) {
      // It exists, perhaps with other limits of an earlier version.
      await manager.streams.info(name).catch(() => { throw error; });
    }
    return manager;
  }
}
