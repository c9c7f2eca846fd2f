import { jetstream, jetstreamManager, RetentionPolicy, StorageType, type JetStreamManager } from '@nats-io/jetstream';
import { headers, type NatsConnection } from '@nats-io/transport-node';
import { valueStream, valueSubject, type ValueStoreContract } from '@deskhand/contracts';
import type { SharedValue, SharedValues } from './bus.ts';

/** Somebody waits for a value that is asked for; nobody for the rest. */
const askedMs = 1_000;
const restMs = 5_000;
/** For the headers of a message. */
const spareBytes = 8_192;
const keyShape = /^[A-Za-z0-9_-]{1,200}$/;

/** Shared values in a JetStream stream in memory: one message a subject, read past any consumer. */
export class NatsValues implements SharedValues {
  private ready: Promise<{ asking: JetStreamManager; managing: JetStreamManager }> | null = null;

  constructor(private readonly connection: NatsConnection, private readonly store: ValueStoreContract) {}

  async get(key: string): Promise<SharedValue | null> {
    return this.attempt(async ({ asking }) => {
      const found = await asking.direct.getMessage(valueStream(this.store), { last_by_subj: this.subject(key) });
      if (found === null) return null;
      const carried: Record<string, string> = {};
      for (const name of found.header.keys()) if (name.startsWith('Value-')) carried[name.slice('Value-'.length)] = found.header.get(name);
      return { bytes: found.data, fields: carried };
    });
  }

  async put(key: string, { bytes, fields }: SharedValue): Promise<void> {
    // What no message may carry is not kept.
    if (bytes.length + spareBytes > (this.connection.info?.max_payload ?? Infinity)) return;
    await this.attempt(async () => {
      const carried = headers();
      for (const [name, value] of Object.entries(fields)) carried.set(`Value-${name}`, value);
      await jetstream(this.connection, { timeout: restMs }).publish(this.subject(key), bytes, { headers: carried });
    });
  }

  async remove(key: string): Promise<void> {
    await this.attempt(async ({ managing }) => managing.streams.purge(valueStream(this.store), { filter: this.subject(key) }));
  }

  async clear(): Promise<void> {
    await this.attempt(async ({ managing }) => managing.streams.purge(valueStream(this.store)));
  }

  private subject(key: string): string {
    if (!keyShape.test(key)) throw new Error('A key of a shared value may hold letters, digits, - and _ only');
    return valueSubject(this.store, key);
  }

  /** A stream that vanished with its server is made again by the next attempt. */
  private async attempt<Result>(work: (managers: { asking: JetStreamManager; managing: JetStreamManager }) => Promise<Result>): Promise<Result> {
    this.ready ??= this.prepare();
    try {
      return await work(await this.ready);
    } catch (error) {
      this.ready = null;
      throw error;
    }
  }

  private async prepare(): Promise<{ asking: JetStreamManager; managing: JetStreamManager }> {
    const { maxBytes, maxAgeMs } = this.store;
    const name = valueStream(this.store);
    const [asking, managing] = await Promise.all([askedMs, restMs].map(async (timeout) => jetstreamManager(this.connection, { timeout, checkAPI: false }))) as [JetStreamManager, JetStreamManager];
    const config = { name, subjects: [valueSubject(this.store, '*')], storage: StorageType.Memory, retention: RetentionPolicy.Limits, max_msgs_per_subject: 1, max_bytes: maxBytes, max_age: maxAgeMs * 1e6, allow_direct: true };
    try {
      await managing.streams.add(config);
    } catch (error) {
      // It exists, perhaps with other limits of an earlier version.
      await managing.streams.info(name).catch(() => { throw error; });
    }
    return { asking, managing };
  }
}
