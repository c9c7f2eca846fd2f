import { DeclaredError } from '@deskhand/contracts';
import type { Caller } from '../keys/callers.ts';
import { routeId, type RouteName } from '../providers/route.ts';
import type { RoutesService } from '../providers/routes.service.ts';
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
