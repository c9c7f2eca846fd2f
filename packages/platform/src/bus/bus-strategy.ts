import { Catch, type RpcExceptionFilter } from '@nestjs/common';
import { Server, type CustomTransportStrategy } from '@nestjs/microservices';
import { lastValueFrom, throwError, type Observable } from 'rxjs';
import type { EventContract, RequestContract } from '@deskhand/contracts';
import type { Bus, Closable, EventMeta } from './bus.ts';
import type { ContractExtras } from './serves.ts';

/** Lets Nest controllers serve contracts over the bus: every `@Serves` and `@Consumes` method becomes a subscription. */
export class BusStrategy extends Server implements CustomTransportStrategy {
  private readonly subscriptions: Closable[] = [];

  constructor(private readonly bus: Bus) {
    super();
  }

  override listen(callback: (error?: unknown) => void): void {
    this.open().then(() => callback(), callback);
  }

  override async close(): Promise<void> {
    await Promise.allSettled(this.subscriptions.splice(0).map(async (subscription) => subscription.close()));
  }

  override on(): void {}

  override unwrap<Value>(): Value {
    return this.bus as Value;
  }

  private async open(): Promise<void> {
    const opening: Promise<Closable>[] = [];
    for (const head of this.messageHandlers.values()) {
      for (let handler: typeof head | undefined = head; handler !== undefined; handler = handler.next as typeof head | undefined) {
        const current = handler;
        const { contract } = current.extras as unknown as ContractExtras;
        const call = async (data: unknown, meta?: EventMeta) => lastValueFrom(this.transformToObservable(await (current(data, meta) as Promise<Observable<unknown>>)), { defaultValue: undefined });
        if (contract.kind === 'request') opening.push(this.bus.serve(contract as RequestContract, null, async (input) => call(input) as never));
        else opening.push(this.bus.consume(contract as EventContract, async (data, meta) => { await call(data, meta); }));
      }
    }
    this.subscriptions.push(...(await Promise.all(opening)));
  }
}

/** Nest would turn every error into "Internal server error"; the bus decides that itself, by contract. */
@Catch()
export class PassErrors implements RpcExceptionFilter {
  catch(error: unknown): Observable<never> {
    return throwError(() => error);
  }
}
