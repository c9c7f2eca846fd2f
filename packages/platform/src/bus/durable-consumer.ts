import { AckPolicy, DeliverPolicy, jetstream, jetstreamManager, RetentionPolicy, StorageType, type JetStreamManager, type JsMsg } from '@nats-io/jetstream';
import { headers, type NatsConnection } from '@nats-io/transport-node';
import { allEvents, consumerName, deadLetterStream, deadLetterSubject, wildcardSubject, type CallerName, type EventContract } from '@deskhand/contracts';
import type { Log } from '../log.ts';
import { RetryLater, type Closable, type EventHandler } from './bus.ts';
import { readEvent } from './wire.ts';

const day = 24 * 3600 * 1e9;
/** After this many deliveries an event is a dead letter. */
const maximumDeliveries = 20;

/** Makes the streams of a service's own events, waits for those of others, and does so again when one was lost. */
export class StreamKeeper {
  private readonly known = new Map<string, Promise<void>>();
  private manager: Promise<JetStreamManager> | null = null;

  constructor(private readonly connection: NatsConnection, private readonly service: CallerName) {}

  ensure(stream: string): Promise<void> {
    let ready = this.known.get(stream);
    if (ready === undefined) {
      ready = this.make(stream);
      this.known.set(stream, ready);
      ready.catch(() => this.known.delete(stream));
    }
    return ready;
  }

  forget(stream: string): void {
    this.known.delete(stream);
  }

  forgetAll(): void {
    this.known.clear();
  }

  management(): Promise<JetStreamManager> {
    if (this.manager === null) {
      this.manager = jetstreamManager(this.connection, { timeout: 3_000, checkAPI: false });
      this.manager.catch(() => { this.manager = null; });
    }
    return this.manager;
  }

  private async make(stream: string): Promise<void> {
    const subjects = stream === deadLetterStream ? [deadLetterSubject] : allEvents.filter((event) => event.stream === stream).map((event) => wildcardSubject(event.subject));
    const manager = await this.management();
    // Only the owner of its events may make a stream; whoever reads it waits until it is there.
    if (stream !== deadLetterStream && !ownStreams(this.service).includes(stream)) {
      await manager.streams.info(stream);
      return;
    }
    const config = { name: stream, subjects, storage: StorageType.File, retention: RetentionPolicy.Limits, max_age: 7 * day, max_bytes: 1_000_000_000, duplicate_window: 120 * 1e9 };
    try {
      await manager.streams.add(config);
    } catch (error) {
      // It exists, perhaps made by an earlier version with other limits; what matters is that it is there.
      await manager.streams.info(stream).catch(() => { throw error; });
    }
  }
}

/** Streams that keep the events of a service. */
export function ownStreams(service: CallerName): string[] {
  return [...new Set(allEvents.flatMap((event) => (event.owner === service && event.stream !== null ? [event.stream] : [])))];
}

/** One durable consumer of a stream: at least once, in order of arrival, one event at a time per instance. */
export class DurableConsumer implements Closable {
  private closed = false;
  private stop: (() => Promise<unknown>) | null = null;
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly connection: NatsConnection,
    private readonly streams: StreamKeeper,
    private readonly service: CallerName,
    private readonly contract: EventContract,
    private readonly handler: EventHandler<EventContract>,
    private readonly log: Log,
    private readonly gaveUp: () => void,
  ) {}

  start(): void {
    this.running = this.loop();
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.stop?.();
    await this.running;
  }

  /** Reads until closed; a stream or consumer that vanished is made again. */
  private async loop(): Promise<void> {
    const stream = this.contract.stream as string;
    const name = consumerName(this.service, this.contract);
    for (let failures = 0; !this.closed; ) {
      try {
        await this.streams.ensure(stream);
        const manager = await this.streams.management();
        await manager.consumers.add(stream, {
          durable_name: name, ack_policy: AckPolicy.Explicit, deliver_policy: DeliverPolicy.All, filter_subject: wildcardSubject(this.contract.subject), ack_wait: 30 * 1e9, max_ack_pending: 256,
        });
        const consumer = await jetstream(this.connection).consumers.get(stream, name);
        const messages = await consumer.consume({ max_messages: 100, abort_on_missing_resource: true, idle_heartbeat: 2_000 });
        // Closing waits for whoever reads, and nobody will.
        if (this.closed) return void messages.close();
        this.stop = async () => messages.close();
        failures = 0;
        for await (const event of messages) await this.handle(event);
      } catch (error) {
        if (!this.closed && failures++ === 2) this.log.warn(`Reading ${stream} fails, trying on`, { error });
      }
      this.streams.forget(stream);
      if (!this.closed) await new Promise((resolve) => setTimeout(resolve, Math.min(100 * 2 ** failures, 2_000)));
    }
  }

  private async handle(event: JsMsg): Promise<void> {
    const id = event.headers?.get('Nats-Msg-Id') ?? `${event.info.stream}:${event.seq}`;
    try {
      await this.handler(readEvent(this.contract, event.string()), { id, subject: event.subject, redelivered: event.info.deliveryCount - 1 });
      event.ack();
    } catch (error) {
      const retry = error instanceof RetryLater;
      if (retry && event.info.deliveryCount < maximumDeliveries) return event.nak(error.delayMs);
      if (!retry && event.info.deliveryCount < 5) {
        this.log.warn(`An event on ${event.subject} failed, it will be tried again`, { error });
        return event.nak(500 * event.info.deliveryCount);
      }
      this.log.error(`An event on ${event.subject} is given up and kept in ${deadLetterStream}`, { error, id });
      await this.bury(event, id, error);
      this.gaveUp();
      event.term('dead letter');
    }
  }

  private async bury(event: JsMsg, id: string, error: unknown): Promise<void> {
    await this.streams.ensure(deadLetterStream);
    const carried = headers();
    carried.set('Nats-Msg-Id', `${this.service}:${id}`);
    carried.set('Deskhand-Subject', event.subject);
    carried.set('Deskhand-Consumer', this.service);
    carried.set('Deskhand-Error', error instanceof Error ? error.name : 'unknown');
    await jetstream(this.connection).publish(deadLetterSubject, event.data, { headers: carried });
  }
}
