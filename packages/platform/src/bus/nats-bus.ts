import { connect, headers, NoRespondersError, nkeyAuthenticator, RequestError, TimeoutError, type Msg, type NatsConnection } from '@nats-io/transport-node';
import { jetstream, type JetStreamClient } from '@nats-io/jetstream';
import {
  DeclaredError, fillSubject, natsPermissions, wildcardSubject,
  type CallerName, type DataOf, type EventContract, type InputOf, type OutputOf, type RequestContract, type ValueStoreContract,
} from '@deskhand/contracts';
import { newId } from '@deskhand/contracts';
import type { Log } from '../log.ts';
import { currentRequest, withRequest } from '../request-context.ts';
import { Bus, type Closable, type EventHandler, type RequestHandler, type SharedValues } from './bus.ts';
import { readDeadLetters, type DeadLetter } from './dead-letters.ts';
import { DurableConsumer, ownStreams, StreamKeeper } from './durable-consumer.ts';
import { partialSubject } from './memory-bus.ts';
import { NatsValues } from './shared-values.ts';
import { answer, encodeInput, readEvent, readReply } from './wire.ts';

const requestHeader = 'Deskhand-Request';
const encoder = new TextEncoder();

export interface NatsBusOptions {
  service: CallerName;
  url: string;
  /** Seed of the service's nkey user; absent only where a test server takes anybody. */
  seed?: string;
  log: Log;
}

/** The bus over NATS: requests to queue groups, plain events, JetStream where an event names a stream. */
export class NatsBus extends Bus {
  private readonly reconnectListeners = new Set<() => void>();
  private readonly jetstream: JetStreamClient;
  private readonly streams: StreamKeeper;

  private constructor(readonly connection: NatsConnection, private readonly service: CallerName, private readonly log: Log) {
    super();
    this.jetstream = jetstream(connection, { timeout: 3_000 });
    this.streams = new StreamKeeper(connection, service);
    void this.prepareStreams();
    void this.watch();
  }

  /** Connects and stays connected: waits for the first server, then reconnects for ever. */
  static async connect(options: NatsBusOptions): Promise<NatsBus> {
    const connection = await connect({
      servers: options.url,
      name: options.service,
      inboxPrefix: natsPermissions(options.service).inboxPrefix,
      maxReconnectAttempts: -1,
      waitOnFirstConnect: true,
      // Of one try. A server that dies during the greeting is not noticed otherwise for as long as this lasts.
      timeout: 2_000,
      reconnectTimeWait: 100,
      reconnectJitter: 50,
      pingInterval: 5_000,
      maxPingOut: 2,
      ignoreClusterUpdates: true,
      // A stack captured for every request that might fail costs more than the request.
      noAsyncTraces: true,
      ...(options.seed !== undefined && { authenticator: nkeyAuthenticator(encoder.encode(options.seed)) }),
    });
    return new NatsBus(connection, options.service, options.log);
  }

  override async request<Contract extends RequestContract>(contract: Contract, input: InputOf<Contract>): Promise<OutputOf<Contract>> {
    const payload = encodeInput(contract, input);
    this.assertFits(payload, contract.subject);
    const subject = fillSubject(contract.subject, input);
    const until = Date.now() + contract.timeoutMs;
    for (let attempt = 0; ; attempt++) {
      const left = until - Date.now();
      try {
        const reply = await this.connection.request(subject, payload, { timeout: Math.max(1, Math.min(left, contract.idempotent ? contract.attemptMs : left)), headers: this.outgoingHeaders() });
        return readReply(contract, reply.string()) as OutputOf<Contract>;
      } catch (error) {
        if (error instanceof DeclaredError) throw error;
        const nobody = isNobody(error);
        if ((nobody || contract.idempotent) && Date.now() + 20 < until && !this.connection.isClosed() && isTransport(error)) {
          await pause(Math.min(20 * 2 ** Math.min(attempt, 4), 250, until - Date.now()));
          continue;
        }
        if (!isTransport(error)) throw error;
        throw nobody
          ? new DeclaredError('UNAVAILABLE', `The ${contract.owner} service does not answer`, undefined, { cause: error })
          : new DeclaredError('TIMEOUT', `The ${contract.owner} service took too long`, undefined, { cause: error });
      }
    }
  }

  override async emit<Contract extends EventContract>(contract: Contract, data: DataOf<Contract>, address?: Readonly<Record<string, string>>): Promise<void> {
    const payload = JSON.stringify(data);
    this.assertFits(payload, contract.subject);
    this.connection.publish(fillSubject(contract.subject, { ...(data as object), ...address }), payload, { headers: this.outgoingHeaders() });
  }

  override async publish(subject: string, payload: string, options: { id: string; headers?: Readonly<Record<string, string>>; stream: string | null }): Promise<void> {
    this.assertFits(payload, subject);
    const carried = headers();
    carried.set('Nats-Msg-Id', options.id);
    for (const [name, value] of Object.entries(options.headers ?? {})) carried.set(name, value);
    if (options.stream === null) {
      this.connection.publish(subject, payload, { headers: carried });
      return;
    }
    await this.streams.ensure(options.stream);
    try {
      await this.jetstream.publish(subject, payload, { headers: carried });
    } catch (error) {
      // A stream that vanished (its storage was deleted) is made again by the next attempt.
      this.streams.forget(options.stream);
      throw error;
    }
  }

  override async serve<Contract extends RequestContract>(contract: Contract, address: Readonly<Record<string, string>> | null, handler: RequestHandler<Contract>): Promise<Closable> {
    const subject = address === null ? wildcardSubject(contract.subject) : fillSubject(contract.subject, address);
    const subscription = this.connection.subscribe(subject, {
      ...(address === null && { queue: this.service }),
      callback: (error, request) => {
        if (error === null) void this.respond(contract, request, handler as (input: unknown) => Promise<unknown>);
        else this.log.error(`The subscription ${subject} failed`, { error });
      },
    });
    await this.settle();
    return { close: async () => subscription.drain() };
  }

  override async subscribe<Contract extends EventContract>(contract: Contract, address: Readonly<Partial<Record<string, string>>>, handler: EventHandler<Contract>): Promise<Closable> {
    return this.listen(contract, partialSubject(contract.subject, address), undefined, handler);
  }

  override async consume<Contract extends EventContract>(contract: Contract, handler: EventHandler<Contract>): Promise<Closable> {
    if (contract.stream === null) return this.listen(contract, wildcardSubject(contract.subject), this.service, handler);
    const consumer = new DurableConsumer(this.connection, this.streams, this.service, contract, handler as EventHandler<EventContract>, this.log, () => { this.givenUp++; });
    consumer.start();
    return consumer;
  }

  override values(store: ValueStoreContract): SharedValues {
    return new NatsValues(this.connection, store);
  }

  override onReconnect(listener: () => void): () => void {
    this.reconnectListeners.add(listener);
    return () => this.reconnectListeners.delete(listener);
  }

  /** Events that were given up, newest last, at most `limit`. */
  async deadLetters(limit = 100): Promise<DeadLetter[]> {
    return readDeadLetters(await this.streams.management(), limit);
  }

  /** Throws when the server does not answer within two seconds. */
  async check(): Promise<void> {
    const late = pause(2_000).then(() => { throw new Error('NATS does not answer'); });
    await Promise.race([this.connection.flush(), late]);
  }

  /** Lets running handlers answer, then closes. */
  async close(): Promise<void> {
    if (!this.connection.isClosed()) await this.connection.drain();
  }

  private async listen<Contract extends EventContract>(contract: Contract, subject: string, queue: string | undefined, handler: EventHandler<Contract>): Promise<Closable> {
    const subscription = this.connection.subscribe(subject, {
      ...(queue !== undefined && { queue }),
      callback: (error, event) => {
        if (error !== null) return this.log.error(`The subscription ${subject} failed`, { error });
        const deliver = async () => handler(readEvent(contract, event.string()) as DataOf<Contract>, { id: event.headers?.get('Nats-Msg-Id') ?? '', subject: event.subject, redelivered: 0 });
        deliver().catch((problem: unknown) => this.log.error(`An event on ${event.subject} could not be handled`, { error: problem }));
      },
    });
    await this.settle();
    return { close: async () => subscription.unsubscribe() };
  }

  /** A subscription counts once the server has it: a round trip makes sure, unless the server is away just now. */
  private async settle(): Promise<void> {
    await Promise.race([this.connection.flush().catch(() => {}), pause(500)]);
  }

  private async respond(contract: RequestContract, request: Msg, handler: (input: unknown) => Promise<unknown>): Promise<void> {
    const requestId = request.headers?.get(requestHeader) || newId();
    await withRequest({ requestId }, async () => {
      let reply = await answer(contract, request.string(), handler, this.log);
      if (!this.fits(reply)) reply = JSON.stringify({ error: { code: 'TOO_LARGE', message: `The answer to ${contract.subject} is larger than a message may be` } });
      try {
        request.respond(reply);
      } catch (error) {
        this.log.warn(`The answer to ${contract.subject} could not be sent`, { error });
      }
    });
  }

  private outgoingHeaders() {
    const carried = headers();
    carried.set(requestHeader, currentRequest()?.requestId ?? newId());
    return carried;
  }

  private fits(payload: string): boolean {
    const limit = this.connection.info?.max_payload ?? 1_048_576;
    return payload.length * 3 < limit - 1_024 || Buffer.byteLength(payload) < limit - 1_024;
  }

  private assertFits(payload: string, subject: string): void {
    if (!this.fits(payload)) throw new DeclaredError('TOO_LARGE', `The message for ${subject} is larger than a message may be`);
  }

  /** Others wait for these streams, so they are made before there is anything to store. */
  private async prepareStreams(): Promise<void> {
    for (const stream of ownStreams(this.service)) {
      for (let attempt = 0; attempt < 50 && !this.connection.isClosed(); attempt++) {
        try {
          await this.streams.ensure(stream);
          break;
        } catch {
          await pause(Math.min(100 * 2 ** attempt, 2_000));
        }
      }
    }
  }

  private async watch(): Promise<void> {
    for await (const status of this.connection.status()) {
      if (status.type === 'disconnect') this.log.warn('The connection to NATS was lost');
      if (status.type === 'error') this.log.error('NATS reported an error', { error: status.error });
      if (status.type !== 'reconnect') continue;
      this.log.info('Connected to NATS again');
      this.streams.forgetAll();
      void this.prepareStreams();
      for (const listener of this.reconnectListeners) listener();
    }
  }
}

function isNobody(error: unknown): boolean {
  return error instanceof NoRespondersError || (error instanceof RequestError && error.isNoResponders());
}

function isTransport(error: unknown): boolean {
  return isNobody(error) || error instanceof TimeoutError || error instanceof RequestError || (error instanceof Error && /Connection|Draining|Closed/.test(error.name));
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, milliseconds)));
}
