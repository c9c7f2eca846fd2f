import type { Left } from '../keys/call-limits.ts';
import type { KeyCalls } from '../keys/key-calls.ts';
import type { VirtualKey } from '../keys/virtual-keys.ts';
import { routeId, type RouteName } from '../providers/route.ts';
import type { EndedCall, ModelCall } from '../usage/model-call.ts';
import { thousandthsText } from '../usage/thousandths.ts';

/** How a call came to who answers it. */
export interface WayTaken {
  /** The entry of the configuration and its name; null of a user's or the server's provider. */
  entry: { id: string; group: string } | null;
  retries: number;
  fallbacks: number;
}

/** What the gateway says of a call in the headers of its answer, by LiteLLM's names. */
export class CallHeaders {
  /** As it was asked for, wherever it ends up. */
  private readonly asked: RouteName;
  /** US dollars; undefined while it is not over, null when nobody knows. */
  private cost: number | null | undefined;

  constructor(private readonly call: ModelCall, private readonly key: VirtualKey | null, private readonly keyCalls: Pick<KeyCalls, 'left'>) {
    this.asked = call.route;
  }

  /** The call is over. */
  ended({ row, priced }: EndedCall): void {
    if (priced !== true) return;
    this.cost = row.cost ?? null;
    // What the database is told in a moment.
    if (this.key !== null && this.cost !== null) this.key.spend += this.cost;
  }

  /** `upstreamMs`: how much of the time was the provider's. Without a way: nobody was asked. */
  of(upstreamMs: number, way: WayTaken | null = null): Record<string, string> {
    const { call, key, cost } = this;
    const took = performance.now() - call.startedMark;
    const entry = way?.entry ?? { id: routeId(this.asked), group: routeId(this.asked) };
    const headers: Record<string, string> = {
      'x-litellm-model-id': headerText(entry.id), 'x-litellm-model-group': headerText(entry.group), 'x-litellm-attempted-retries': String(way?.retries ?? 0), 'x-litellm-attempted-fallbacks': String(way?.fallbacks ?? 0),
      'x-litellm-response-duration-ms': thousandthsText(took), 'x-litellm-overhead-duration-ms': thousandthsText(Math.max(0, took - upstreamMs)),
    };
    if (call.baseUrl !== null) headers['x-litellm-model-api-base'] = headerText(call.baseUrl);
    if (!call.stream && cost != null) headers['x-litellm-response-cost'] = String(cost);
    if (key !== null) this.addKey(headers, key);
    return headers;
  }

  private addKey(headers: Record<string, string>, key: VirtualKey): void {
    headers['x-litellm-key-spend'] = String(key.spend);
    const own = key.budgets.find(({ id }) => id === `key:${key.hash}`);
    if (own !== undefined) headers['x-litellm-key-max-budget'] = String(own.max);
    if (key.rpm === null && key.tpm === null) return;
    const left = this.keyCalls.left(key);
    if (left.requests !== null) addLeft(headers, 'requests', 'x-litellm-key-rpm-limit', left.requests);
    if (left.tokens !== null) addLeft(headers, 'tokens', 'x-litellm-key-tpm-limit', left.tokens);
  }
}

/** As OpenAI has them: the time is text like `12s`. */
function addLeft(headers: Record<string, string>, of: 'requests' | 'tokens', own: string, { most, left, endsInMs }: Left): void {
  headers[`x-ratelimit-limit-${of}`] = headers[own] = String(most);
  headers[`x-ratelimit-remaining-${of}`] = String(left);
  headers[`x-ratelimit-reset-${of}`] = `${Math.ceil(endsInMs / 1_000)}s`;
}

/** Names are people's: what a header cannot hold is written as in addresses. Node would refuse the whole answer for it. */
export const headerText = (text: string): string => (/^[\x20-\x7e]*$/.test(text) ? text : text.toWellFormed().replace(/[^\x21-\x7e]+/g, (part) => encodeURIComponent(part)));
