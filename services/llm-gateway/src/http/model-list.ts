import type { IncomingMessage } from 'node:http';
import type { Caller, Callers } from '../keys/callers.ts';
import { mayUse, modelFor } from '../keys/virtual-keys.ts';
import { routeId } from '../providers/route.ts';
import type { RoutesService } from '../providers/routes.service.ts';
import { isModelName, WireError } from '../wire/wire-format.ts';
import { callRoute } from './call-route.ts';

/** The models that a caller may name, in a shape that clients of both vendors' formats read. */
export class ModelList {
  constructor(private readonly callers: Pick<Callers, 'identify'>, private readonly routes: Pick<RoutesService, 'models' | 'choose' | 'configured'>) {}

  async all(request: IncomingMessage): Promise<object> {
    const ids = await this.idsFor(await this.callers.identify(request.headers));
    return { object: 'list', data: ids.map(modelOf), has_more: false, first_id: ids[0] ?? null, last_id: ids.at(-1) ?? null };
  }

  /** Whatever could be called by this name, listed or not. Rejects with `WireError` as a call would. */
  async one(request: IncomingMessage, id: string): Promise<object> {
    const caller = await this.callers.identify(request.headers);
    if (!isModelName(id)) throw new WireError('bad-request', 'This cannot be the name of a model.');
    await callRoute(this.routes, caller, caller.kind === 'key' ? modelFor(caller.key, id) : id);
    return modelOf(id);
  }

  private async idsFor(caller: Caller): Promise<string[]> {
    if (caller.kind === 'run') return [routeId(caller.claims.route)];
    const ids = (await this.routes.models(null)).models.map((model) => model.id);
    return caller.kind === 'key' ? ids.filter((id) => caller.key.models.every((allowed) => mayUse(allowed, id))) : ids;
  }
}

const modelOf = (id: string): object => ({ id, object: 'model', type: 'model', display_name: id, created: 1_760_000_000, created_at: '2025-10-09T08:53:20Z', owned_by: id.split('/', 1)[0] });
