import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ConfiguredModel } from '@deskhand/contracts';
import type { PartHealth } from '@deskhand/platform';
import type { Callers } from '../keys/callers.ts';
import type { ModelViews } from '../models/model-views.ts';
import { WireError } from '../wire/wire-format.ts';
import { answerJson } from './answers.ts';
import { queryOf } from './settings-request.ts';

export interface OperationRoutesParts {
  callers: Callers;
  views: Pick<ModelViews, 'list'>;
  /** The service's own parts, by name. */
  inspect(): Promise<Readonly<Record<string, PartHealth>>>;
  /** Where people reach the web app; absent where nobody said it. */
  webUrl: string | undefined;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void> | void;

/** What operators and their monitors ask. None of it costs money. */
export class OperationRoutes {
  /** By path; all are read. */
  readonly routes: ReadonlyMap<string, Handler>;

  constructor(private readonly parts: OperationRoutesParts) {
    const ui: Handler = (request, response) => this.redirect(request, response);
    this.routes = new Map<string, Handler>([['/health', async (request, response) => this.health(request, response)], ['/health/services', async (request, response) => this.services(request, response)], ['/ui', ui], ['/', ui]]);
  }

  /** Open: says that the process lives. With the master key also what is known of every model, from its last calls and tests. */
  private async health(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!(await this.isMaster(request))) return answerJson(response, 200, { status: 'ok' });
    const models = await this.parts.views.list();
    const endpoints = (states: readonly ConfiguredModel['health']['state'][]): object[] => models.filter((model) => states.includes(stateOf(model))).map(endpointOf);
    const [healthy, unhealthy, unknown] = [endpoints(['answering']), endpoints(['failing', 'cooling']), endpoints(['unknown'])];
    answerJson(response, 200, {
      status: 'ok', healthy_endpoints: healthy, unhealthy_endpoints: unhealthy, unknown_endpoints: unknown, healthy_count: healthy.length, unhealthy_count: unhealthy.length, unknown_count: unknown.length,
    });
  }

  private async services(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!(await this.isMaster(request))) throw new WireError('forbidden', 'The state of the gateway\'s parts needs the master key.');
    const wanted = queryOf(request).get('service');
    const parts = await this.parts.inspect();
    if (wanted !== null && !Object.hasOwn(parts, wanted)) throw new WireError('bad-request', `There is no part of that name; there are ${Object.keys(parts).join(', ')}.`, 'service');
    const asked = wanted === null ? parts : { [wanted]: parts[wanted]! };
    const well = Object.values(asked).every(({ ready }) => ready);
    answerJson(response, well ? 200 : 503, { status: well ? 'healthy' : 'unhealthy', services: asked });
  }

  private redirect(request: IncomingMessage, response: ServerResponse): void {
    const { webUrl } = this.parts;
    if (webUrl === undefined) throw new WireError('not-found', 'The pages are in the web app, whose address is not known here.', null, 'unknown_url');
    response.writeHead(302, { location: pagesAt(webUrl, request.headers.host), 'content-length': 0, 'cache-control': 'no-store' }).end();
  }

  private async isMaster({ headers }: IncomingMessage): Promise<boolean> {
    try {
      return (await this.parts.callers.identify(headers)).kind === 'master';
    } catch (error) {
      if (error instanceof WireError) return false;
      throw error;
    }
  }
}

/** Where the pages about usage are, beside those about models and keys. Who came here over the network by a name cannot use the loopback address that the web app has for itself. */
export function pagesAt(webUrl: string, host: string | undefined): string {
  const url = new URL('/settings/usage', webUrl);
  const name = /^([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::\d+)?$/.exec(host ?? '')?.[1];
  if (name !== undefined && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname)) url.hostname = name;
  return url.href;
}

const stateOf = ({ problem, health }: ConfiguredModel): ConfiguredModel['health']['state'] => (problem === null ? health.state : 'failing');

function endpointOf({ id, model_name, model, provider, api_base, problem, health }: ConfiguredModel): object {
  return { model: `${provider}/${model}`, model_id: id, model_group: model_name, api_base, checked_at: health.at, ...((problem ?? health.reason) !== null && { error: problem ?? health.reason }), ...(health.cooled_until !== null && { cooled_until: health.cooled_until }) };
}
