import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Caller, Callers } from '../keys/callers.ts';
import type { KeyCalls } from '../keys/key-calls.ts';
import { modelFor } from '../keys/virtual-keys.ts';
import { failureWords } from '../outgoing/failure-words.ts';
import type { OutgoingHttp } from '../outgoing/outgoing-http.ts';
import type { RouteName } from '../providers/route.ts';
import type { RoutesService } from '../providers/routes.service.ts';
import { bytesWithoutKey, secretsWith } from '../providers/without-key.ts';
import type { ModelUpstream } from '../upstreams/upstream.ts';
import { anthropicMessages } from '../wire/anthropic-messages.ts';
import { bodyWith } from '../wire/body-edit.ts';
import { estimatedTokens } from '../wire/count-tokens.ts';
import { readFailure } from '../wire/translate/read-failure.ts';
import { WireError } from '../wire/wire-format.ts';
import { answerJson } from './answers.ts';
import type { BodyReader } from './body-reader.ts';
import { callRoute } from './call-route.ts';
import { acceptWhole, vendorHeaders } from './pass-headers.ts';
import { parseJson } from './read-body.ts';
import { takeRoutingControls } from './routing-controls.ts';

const timeoutMs = 30_000;
const answerBytes = 64 * 1024;

export interface TokenCountParts {
  callers: Callers;
  keyCalls: Pick<KeyCalls, 'beginFree'>;
  routes: RoutesService;
  outgoing: OutgoingHttp;
  bodies: BodyReader;
}

interface Counted {
  status: number;
  body: Buffer;
}

/** Counts a request's tokens: the provider's own count where it has one, else an estimate. Costs nothing, so it is no call in the books; a key's limits hold for it. */
export class TokenCounts {
  constructor(private readonly parts: TokenCountParts) {}

  /** Throws `WireError`. */
  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { callers, keyCalls, routes } = this.parts;
    const caller = await callers.identify(request.headers);
    const given = await this.parts.bodies.read(request, response);
    const body = parseJson(given);
    const raw = takeRoutingControls(body, request.headers, 'anthropic-messages').taken ? Buffer.from(JSON.stringify(body)) : given;
    const facts = anthropicMessages.readRequest(body);
    const key = caller.kind === 'key' ? caller.key : null;
    const route = await callRoute(routes, caller, key === null ? facts.model : modelFor(key, facts.model));
    const held = key === null ? null : await keyCalls.beginFree(key);
    try {
      await this.answer(route, caller, raw, body, request, response);
    } finally {
      held?.dropped();
    }
  }

  private async answer(route: RouteName, caller: Caller, raw: Buffer, body: Record<string, unknown>, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { routes } = this.parts;
    const way = route.source === 'server' || route.source === 'user' ? await routes.way(caller.kind === 'run' ? caller.claims.userId : null, route) : null;
    const upstream = way?.upstream(route.model);
    const gone = AbortSignal.any([AbortSignal.timeout(timeoutMs), goneWith(response)]);
    const counted = upstream?.serves('count-tokens') === true ? await this.byProvider(upstream, raw, body, request, gone)
      : route.source === 'group' ? await this.byDeployment(route.model, raw, body, request, gone) : null;
    if (response.destroyed) return;
    if (counted === null) return answerJson(response, 200, { input_tokens: estimatedTokens('anthropic-messages', body) });
    response.writeHead(counted.status, { 'content-type': 'application/json', 'content-length': counted.body.length }).end(counted.body);
  }

  private async byProvider(upstream: ModelUpstream, raw: Buffer, body: Record<string, unknown>, request: IncomingMessage, gone: AbortSignal): Promise<Counted> {
    return this.ask(upstream, raw, body, request, gone).catch((error: unknown) => { throw error instanceof WireError ? error : new WireError('upstream', failureWords(error, this.parts.outgoing.timeouts)); });
  }

  /** Asks one deployment after the other that can count; null: none of them could. What is wrong with the request itself is the client's to hear. */
  private async byDeployment(model: string, raw: Buffer, body: Record<string, unknown>, request: IncomingMessage, gone: AbortSignal): Promise<Counted | null> {
    const able = this.parts.routes.router.deploymentsOf(model).filter((deployment) => !deployment.isCooled).map((deployment) => deployment.upstream(model)).filter((upstream) => upstream.serves('count-tokens'));
    for (const upstream of able) {
      const counted = await this.ask(upstream, raw, body, request, gone).catch(() => null);
      if (counted === null) continue;
      const { kind } = counted.status < 400 ? { kind: null } : readFailure('anthropic-messages', counted.status, counted.body.toString('utf8'));
      if ((counted.status >= 200 && counted.status < 300) || kind === 'bad-request' || kind === 'too-large' || kind === 'context-window') return counted;
    }
    return null;
  }

  private async ask(upstream: ModelUpstream, raw: Buffer, body: Record<string, unknown>, request: IncomingMessage, gone: AbortSignal): Promise<Counted> {
    const headers = vendorHeaders('anthropic-messages', request.headers);
    const bytes = bodyWith(raw, body, upstream.bodyChanges('count-tokens', body, headers));
    const prepared = await upstream.prepare({ endpoint: 'count-tokens', format: 'anthropic-messages', stream: false, body: bytes, clientHeaders: headers });
    const answer = await this.parts.outgoing.exchange(prepared.origin, { path: prepared.path, headers: { ...acceptWhole, ...prepared.headers }, body: bytes, headersTimeout: timeoutMs }, answerBytes, gone);
    return { status: answer.status, body: secretsWith(upstream.secrets, prepared.headers).reduce<Buffer>((clean, secret) => bytesWithoutKey(clean, secret), answer.body) };
  }
}

function goneWith(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  return gone.signal;
}
