import type { IncomingHttpHeaders } from 'node:http';
import { DeclaredError } from '@deskhand/contracts';
import type { Caller } from '../keys/callers.ts';
import { routeId, type RouteName } from '../providers/route.ts';
import type { RoutesService } from '../providers/routes.service.ts';
import { isRecord } from '../wire/token-usage.ts';
import { WireError } from '../wire/wire-format.ts';

/** The way to the model that a caller names; a promise only where the database must be asked. Throws, or rejects with, `WireError` when there is none for this caller. */
export function callRoute(routes: Pick<RoutesService, 'choose' | 'configured'>, caller: Caller, model: string): RouteName | Promise<RouteName> {
  if (caller.kind === 'run') {
    const { route } = caller.claims;
    if (model === route.model || model === routeId(route)) return route;
    throw new WireError('not-found', `The key of this run is for the model ${routeId(route)}, not for ${model.slice(0, 200)}.`, 'model', 'model_not_found');
  }
  return routes.configured(model) ?? chosen(routes, model);
}

async function chosen(routes: Pick<RoutesService, 'choose'>, model: string): Promise<RouteName> {
  try {
    return await routes.choose(null, null, model);
  } catch (error) {
    if (error instanceof DeclaredError && error.code === 'NOT_FOUND') throw new WireError('not-found', error.message, 'model', 'model_not_found');
    throw error;
  }
}

const noTags: readonly string[] = [];

/** Tags of a request, in its body's metadata or in a header, as LiteLLM's clients send them. */
export function tagsOf(body: Readonly<Record<string, unknown>>, request: { headers: IncomingHttpHeaders }): readonly string[] {
  const header = request.headers['x-litellm-tags'];
  if (header === undefined && body.metadata === undefined) return noTags;
  const metadata = isRecord(body.metadata) && Array.isArray(body.metadata.tags) ? body.metadata.tags.filter((tag) => typeof tag === 'string') : [];
  return [...metadata, ...(typeof header === 'string' ? header.split(',').map((tag) => tag.trim()).filter((tag) => tag !== '') : [])];
}
