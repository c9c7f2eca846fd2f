import { DeclaredError, fillSubject, wildcardSubject, type DataOf, type EventContract, type InputOf, type OutputOf, type RequestContract, type ValueStoreContract } from '@deskhand/contracts';
import { Log } from '../log.ts';
import { Bus, RetryLater, type Closable, type EventHandler, type RequestHandler, type SharedValue, type SharedValues } from './bus.ts';
import { answer, encodeInput, readEvent, readReply } from './wire.ts';

interface Listener {
  pattern: RegExp;
  deliver(subject: string, payload: string, id: string): void;
}

/** The bus within one process, for tests: same validation, same errors, same deliveries, nothing kept. */
export class MemoryBus extends Bus {
  private readonly servers: { pattern: RegExp; handle(payload: string): Promise<string> }[] = [];
  private readonly listeners: Listener[] = [];
  private readonly stored = new Set<string>();
  private readonly stores = new Map<string, Map<string, SharedValue>>();

  constructor(private readonly log: Log = new Log()) {
    super();
  }

  override async request<Contract extends RequestContract>(contract: Contract, input: InputOf<Contract>): Promise<OutputOf<Contract>> {
    const payload = encodeInput(contract, input);
    const subject = fillSubject(contract.subject, input);
    const until = Date.now() + contract.timeoutMs;
    for (;;) {
      const server = this.servers.find((candidate) => candidate.pattern.test(subject));
      if (server !== undefined) return readReply(contract, await within(server.handle(payload), until - Date.now(), subject)) as OutputOf<Contract>;
      if (Date.now() + 10 > until) throw new DeclaredError('UNAVAILABLE', `Nobody answers ${contract.owner} requests`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  override async emit<Contract extends EventContract>(contract: Contract, data: DataOf<Contract>, address?: Readonly<Record<string, string>>): Promise<void> {
    this.deliver(fillSubject(contract.subject, { ...(data as object), ...address }), JSON.stringify(data), '');
  }

  override async publish(subject: string, payload: string, options: { id: string }): Promise<void> {
    if (this.stored.has(options.id)) return;
    this.stored.add(options.id);
    this.deliver(subject, payload, options.id);
  }

  override async serve<Contract extends RequestContract>(contract: Contract, address: Readonly<Record<string, string>> | null, handler: RequestHandler<Contract>): Promise<Closable> {
    const pattern = matcher(address === null ? wildcardSubject(contract.subject) : fillSubject(contract.subject, address));
    const server = { pattern, handle: (payload: string) => answer(contract, payload, handler as (input: unknown) => Promise<unknown>, this.log) };
    return register(this.servers, server);
  }

  override async subscribe<Contract extends EventContract>(contract: Contract, address: Readonly<Partial<Record<string, string>>>, handler: EventHandler<Contract>): Promise<Closable> {
    return register(this.listeners, this.listener(contract, matcher(partialSubject(contract.subject, address)), handler));
  }

  override async consume<Contract extends EventContract>(contract: Contract, handler: EventHandler<Contract>): Promise<Closable> {
    return register(this.listeners, this.listener(contract, matcher(wildcardSubject(contract.subject)), handler));
  }

  override values({ name }: ValueStoreContract): SharedValues {
    const values = this.stores.get(name) ?? new Map<string, SharedValue>();
    this.stores.set(name, values);
    return {
      get: async (key) => values.get(key) ?? null,
      put: async (key, value) => void values.set(key, value),
      remove: async (key) => void values.delete(key),
      clear: async () => values.clear(),
    };
  }

  override onReconnect(): () => void {
    return () => {};
  }

  private listener<Contract extends EventContract>(contract: Contract, pattern: RegExp, handler: EventHandler<Contract>): Listener {
    const attempt = async (subject: string, payload: string, id: string, redelivered: number): Promise<void> => {
      try {
        await handler(readEvent(contract, payload) as DataOf<Contract>, { id, subject, redelivered });
      } catch (error) {
        if (error instanceof RetryLater) setTimeout(() => void attempt(subject, payload, id, redelivered + 1), error.delayMs);
        else this.log.error(`An event on ${subject} could not be handled`, { error });
      }
    };
    return { pattern, deliver: (subject, payload, id) => void attempt(subject, payload, id, 0) };
  }

  private deliver(subject: string, payload: string, id: string): void {
    for (const listener of this.listeners) if (listener.pattern.test(subject)) listener.deliver(subject, payload, id);
  }
}

/** The subscription for a subject of which only some placeholders are given. */
export function partialSubject(pattern: string, address: Readonly<Partial<Record<string, string>>>): string {
  return pattern.replace(/\{(\w+)\}/g, (placeholder, field: string) => (address[field] === undefined ? '*' : fillSubject(placeholder, address)));
}

function matcher(subject: string): RegExp {
  return new RegExp(`^${subject.split('.').map((token) => (token === '*' ? '[^.]+' : token.replace(/[^A-Za-z0-9_-]/g, '\\$&'))).join('\\.')}$`);
}

function register<Item>(items: Item[], item: Item): Closable {
  items.push(item);
  return {
    close: async () => {
      const index = items.indexOf(item);
      if (index >= 0) items.splice(index, 1);
    },
  };
}

function within<Value>(work: Promise<Value>, milliseconds: number, subject: string): Promise<Value> {
  let timer: NodeJS.Timeout;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DeclaredError('TIMEOUT', `No answer to ${subject} in time`)), milliseconds);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
