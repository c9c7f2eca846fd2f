import { defaultRouter, type ModelEntry } from '../configuration/gateway-file.ts';
import { Router } from '../routing/router.ts';
import type { UpstreamServices } from '../upstreams/upstream-of.ts';
import type { ModelUpstream } from '../upstreams/upstream.ts';
import type { Vendor } from './catalogue.ts';

/** The way to all models of one vendor with one key: calls go it as they go to configured models, to the only deployment there is. */
export class ProviderWay {
  readonly router: Router;
  /** The vendor's own address, not one that somebody configured. */
  readonly official: boolean;

  /** `endpoint` null: the vendor's own. No variable stands in for anything: they are the operator's, and this may be a user's. */
  constructor(vendor: Vendor, endpoint: string | null, key: string, outgoing: UpstreamServices['outgoing']) {
    const provider = endpoint !== null && new URL(endpoint).hostname === 'api.mistral.ai' ? 'mistral' : vendor.provider;
    const entry: ModelEntry = {
      id: vendor.name, group: '*', parameters: { model: `${provider}/*`, api_key: key, ...(endpoint !== null && { api_base: endpoint }) }, baseModel: null, mode: null, info: {}, line: 0,
      prices: null, defaults: {},
      limits: { rpm: null, tpm: null, maxParallelRequests: null, timeout: null, streamTimeout: null, maxRetries: null, weight: null, order: null, tags: [], maxInputTokens: null },
    };
    this.official = endpoint === null;
    // Whoever waited for so long has nobody else to ask.
    this.router = new Router({ models: [entry], router: { ...defaultRouter, timeout: outgoing.timeouts.firstByteMs / 1_000, retryPolicy: { TimeoutError: 0 } } }, { outgoing, environment: {} });
  }

  upstream(model: string): ModelUpstream {
    return this.router.deployments[0]!.upstream(model);
  }
}
