import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import type { ResponseCache } from '../cache/response-cache.ts';
import type { Callers } from '../keys/callers.ts';
import { WireError } from '../wire/wire-format.ts';
import { answerJson } from './answers.ts';
import { parseJson, readBody } from './read-body.ts';

const bodyBytes = 256 * 1024;
const keys = z.object({ keys: z.array(z.string().regex(/^[0-9a-f]{64}$/)).min(1).max(1_000) });

/** LiteLLM's API of the response cache, for whoever holds the master key. */
export class CacheRoutes {
  /** By path; those of `reads` take GET, the others POST. */
  readonly routes: ReadonlyMap<string, (request: IncomingMessage, response: ServerResponse) => Promise<void>>;
  readonly reads: ReadonlySet<string> = new Set(['/cache/ping']);

  constructor(private readonly callers: Callers, private readonly cache: ResponseCache | null) {
    this.routes = new Map([
      ['/cache/ping', async (request, response) => {
        await (await this.allowed(request)).store.check().catch(() => { throw new WireError('unavailable', 'The shared response cache cannot be reached.'); });
        answerJson(response, 200, { status: 'healthy' });
      }],
      ['/cache/delete', async (request, response) => {
        const { store } = await this.allowed(request);
        const given = keys.safeParse(parseJson(await readBody(request, bodyBytes)));
        if (!given.success) throw new WireError('bad-request', 'keys: must be a list of cache keys, as x-litellm-cache-key names them.', 'keys');
        await store.remove(given.data.keys);
        answerJson(response, 200, { status: 'success' });
      }],
      ['/cache/flushall', async (request, response) => {
        await (await this.allowed(request)).store.clear();
        answerJson(response, 200, { status: 'success' });
      }],
    ]);
  }

  private async allowed(request: IncomingMessage): Promise<ResponseCache> {
    if ((await this.callers.identify(request.headers)).kind !== 'master') throw new WireError('forbidden', 'The response cache is managed with the master key.');
    if (this.cache === null) throw new WireError('unavailable', 'There is no response cache: litellm_settings.cache is not set.');
    return this.cache;
  }
}
