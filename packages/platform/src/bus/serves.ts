import { EventPattern, MessagePattern } from '@nestjs/microservices';
import type { EventContract, RequestContract } from '@deskhand/contracts';
import type { EventHandler, RequestHandler } from './bus.ts';

export interface ContractExtras {
  contract: RequestContract | EventContract;
}

/** The decorated controller method answers this request; its input is validated before it is called. */
export function Serves<Contract extends RequestContract>(contract: Contract) {
  return <Handler extends RequestHandler<Contract>>(target: object, key: string, descriptor: TypedPropertyDescriptor<Handler>): void => {
    (MessagePattern(contract.subject, { contract } satisfies ContractExtras) as MethodDecorator)(target, key, descriptor);
  };
}

/** The decorated controller method handles this event, once per service. */
export function Consumes<Contract extends EventContract>(contract: Contract) {
  return <Handler extends EventHandler<Contract>>(target: object, key: string, descriptor: TypedPropertyDescriptor<Handler>): void => {
    (EventPattern(contract.subject, { contract } satisfies ContractExtras) as MethodDecorator)(target, key, descriptor);
  };
}
