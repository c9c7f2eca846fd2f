import type { DataOf, EventContract, InputOf, OutputOf, RequestContract, ValueStoreContract } from '@deskhand/contracts';

export interface Closable {
  close(): Promise<void>;
}

export interface EventMeta {
  /** The publisher's id of the event; the same for every delivery of it. */
  id: string;
  subject: string;
  /** Deliveries before this one. */
  redelivered: number;
}

export type RequestHandler<Contract extends RequestContract> = (input: Contract['input']['_zod']['output']) => Promise<InferredReply<Contract>>;
type InferredReply<Contract extends RequestContract> = Contract['output']['_zod']['input'];
export type EventHandler<Contract extends EventContract> = (data: DataOf<Contract>, meta: EventMeta) => Promise<void> | void;

export interface SharedValue {
  bytes: Uint8Array;
  /** Short texts beside it; names are letters and `-`. */
  fields: Readonly<Record<string, string>>;
}

/** Values by key (letters, digits, `-`, `_`) that all instances of a service share. Any of them may be gone at any time; everything rejects while the bus is away. */
export interface SharedValues {
  get(key: string): Promise<SharedValue | null>;
  put(key: string, value: SharedValue): Promise<void>;
  remove(key: string): Promise<void>;
  clear(): Promise<void>;
}

/** How services talk. Two implementations keep the same promises: NATS, and memory for tests of one process. */
export abstract class Bus {
  /** Events that consumers of this process could not handle and gave up on. */
  givenUp = 0;

  /**
   * Asks the contract's owner. The answer is validated; declared errors come back as `DeclaredError`; nobody there or no
   * answer within `timeoutMs` is `UNAVAILABLE` or `TIMEOUT`. A request that certainly reached nobody is repeated until then,
   * an idempotent one also when its answer stays out.
   */
  abstract request<Contract extends RequestContract>(contract: Contract, input: InputOf<Contract>): Promise<OutputOf<Contract>>;

  /** Publishes an event that no stream keeps. `address` fills placeholders that are not fields of the data. */
  abstract emit<Contract extends EventContract>(contract: Contract, data: DataOf<Contract>, address?: Readonly<Record<string, string>>): Promise<void>;

  /** Publishes an event to its stream and resolves when the stream has stored it. `id` makes a repeat count once. */
  abstract publish(subject: string, payload: string, options: { id: string; headers?: Readonly<Record<string, string>>; stream: string | null }): Promise<void>;

  /** Serves a request: any instance of the owner, or, with `address`, this very one. */
  abstract serve<Contract extends RequestContract>(contract: Contract, address: Readonly<Record<string, string>> | null, handler: RequestHandler<Contract>): Promise<Closable>;

  /** Every subscriber gets every event, at most once. Placeholders missing in `address` match anything. */
  abstract subscribe<Contract extends EventContract>(contract: Contract, address: Readonly<Partial<Record<string, string>>>, handler: EventHandler<Contract>): Promise<Closable>;

  /** One of the service's instances gets each event; from a stream it gets it until the handler succeeds or gives up. */
  abstract consume<Contract extends EventContract>(contract: Contract, handler: EventHandler<Contract>): Promise<Closable>;

  /** The values of a store, for its owner. */
  abstract values(store: ValueStoreContract): SharedValues;

  /** Called after a connection was lost and made again: events may have been missed. */
  abstract onReconnect(listener: () => void): () => void;
}

/** Thrown by an event handler that wants the event again later. */
export class RetryLater extends Error {
  override readonly name = 'RetryLater';
  constructor(readonly delayMs: number, options?: ErrorOptions) {
    super(`Again in ${delayMs} ms`, options);
  }
}
