import type { z } from 'zod';
import type { ErrorCode } from './errors.ts';

/** The processes of the product. `operator` is the command line tool, `subscriber` a read-only event client. */
export const serviceNames = ['gateway', 'auth', 'conversations', 'agent', 'sandbox-manager', 'llm-gateway'] as const;
export type ServiceName = (typeof serviceNames)[number];
export type CallerName = ServiceName | 'operator';

/** A question one service asks another. Both sides use this value; nothing about it is written twice. */
export interface RequestContract<Input extends z.ZodType = z.ZodType, Output extends z.ZodType = z.ZodType> {
  kind: 'request';
  /** `<service>.<noun>.<verb>`; `{placeholders}` are filled from the input and escaped. */
  subject: string;
  owner: ServiceName;
  callers: readonly CallerName[];
  input: Input;
  output: Output;
  /** Codes the handler may answer with. Any other error reaches the caller as `INTERNAL`. */
  errors: readonly ErrorCode[];
  /** Milliseconds until the caller gives up with `TIMEOUT`; covers all attempts. */
  timeoutMs: number;
  /** Asked again, it answers the same and does nothing twice: the bus may repeat it when the owner is away. */
  idempotent: boolean;
  /** Milliseconds after which an unanswered idempotent request is asked again, within `timeoutMs`. */
  attemptMs: number;
  /** Answered by the one instance that subscribed the filled subject, instead of any instance of the owner. */
  addressed: boolean;
}

/** Something that happened. Durable events name the stream that keeps them. */
export interface EventContract<Data extends z.ZodType = z.ZodType> {
  kind: 'event';
  /** `<noun>.{id}.<past-participle>` */
  subject: string;
  owner: ServiceName;
  consumers: readonly ServiceName[];
  data: Data;
  /** JetStream stream that stores it, or `null` for plain, at-most-once delivery. */
  stream: string | null;
}

type RequestOptions<Input extends z.ZodType, Output extends z.ZodType> = Pick<RequestContract<Input, Output>, 'owner' | 'callers' | 'input' | 'output'> &
  Partial<Pick<RequestContract, 'errors' | 'timeoutMs' | 'attemptMs' | 'idempotent'>>;

export function defineRequest<Input extends z.ZodType, Output extends z.ZodType>(
  subject: string,
  options: RequestOptions<Input, Output>,
): RequestContract<Input, Output> {
  const timeoutMs = options.timeoutMs ?? 5_000;
  return { kind: 'request', subject, errors: [], timeoutMs, attemptMs: timeoutMs <= 5_000 ? Math.min(timeoutMs, 1_500) : timeoutMs, idempotent: false, addressed: subject.includes('{'), ...options };
}

export function defineEvent<Data extends z.ZodType>(
  subject: string,
  options: { owner: ServiceName; consumers: readonly ServiceName[]; data: Data; stream?: string },
): EventContract<Data> {
  return { kind: 'event', subject, stream: null, ...options };
}

export type InputOf<Contract extends RequestContract> = z.input<Contract['input']>;
/** What a handler is given: the input validated, its defaults filled in. */
export type ReceivedOf<Contract extends RequestContract> = z.output<Contract['input']>;
export type OutputOf<Contract extends RequestContract> = z.output<Contract['output']>;
export type DataOf<Contract extends EventContract> = z.output<Contract['data']>;
