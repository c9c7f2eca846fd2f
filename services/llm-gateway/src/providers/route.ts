import type { WireFormat } from '@deskhand/contracts';

/** Which model, and whose key: a run token carries this, so it holds no secret. */
export interface RouteName {
  /** `group`: a model of the gateway's configuration; `model` is its name there. `caller`: an account of the caller's own, of which the gateway knows nothing. */
  source: 'builtin' | 'user' | 'server' | 'group' | 'caller';
  provider: string;
  /** As the provider names it. */
  model: string;
}

/** Where a provider is and how it is addressed. */
export interface Upstream {
  provider: string;
  wire: WireFormat;
  origin: string;
  /** Path of the chat endpoint at the origin. */
  path: string;
  key: string;
  /** The provider's own address, not one that somebody configured. */
  official: boolean;
  /** Mistral's own service, wherever its address was configured. */
  mistral: boolean;
  /** Base URL, for finding prices. */
  baseUrl: string;
}

export const routeId = (route: Pick<RouteName, 'provider' | 'model'>): string => (route.provider === '' ? route.model : `${route.provider}/${route.model}`);
