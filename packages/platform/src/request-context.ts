import { AsyncLocalStorage } from 'node:async_hooks';

/** What belongs to one request from outside, carried through every service it touches. */
export interface RequestContext {
  requestId: string;
}

const storage = new AsyncLocalStorage<RequestContext>();

export function currentRequest(): RequestContext | undefined {
  return storage.getStore();
}

export function withRequest<Result>(context: RequestContext, work: () => Result): Result {
  return storage.run(context, work);
}
