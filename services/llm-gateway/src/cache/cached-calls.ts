import type { Caller } from '../keys/callers.ts';
import type { RouteName } from '../providers/route.ts';
import type { RoutesService } from '../providers/routes.service.ts';
import type { CallOutcome, ModelCall } from '../usage/model-call.ts';
import { noUsage } from '../wire/token-usage.ts';

/** Whose answers these are. */
export function ownerOf(caller: Caller): string {
  switch (caller.kind) {
    case 'master': return 'master';
    case 'run': return `user ${caller.claims.userId}`;
    case 'key': return `key ${caller.key.hash}`;
  }
}

/** The model, the deployments behind it, and the tags that choose among them: when those are changed, what they said before is not given again. */
export function placesOf(routes: Pick<RoutesService, 'router'>, { source, provider, model }: RouteName, tags: readonly string[]): string[] {
  return [source, provider, model, ...(source === 'group' ? routes.router.deploymentsOf(model).map(({ entry }) => entry.id).sort() : []), ...tags.map((tag) => `tag ${tag}`).sort()];
}

/** Nothing was used, and nothing is to be paid. */
export const cachedOutcome = (call: ModelCall): CallOutcome => ({ status: 'cached', httpStatus: 200, usage: noUsage, estimated: false, firstByteMs: performance.now() - call.startedMark });
