/** Which model, and whose key: a run token carries this, so it holds no secret. */
export interface RouteName {
  /** `group`: a model of the gateway's configuration; `model` is its name there. `caller`: an account of the caller's own, of which the gateway knows nothing. */
  source: 'builtin' | 'user' | 'server' | 'group' | 'caller';
  provider: string;
  /** As the provider names it. */
  model: string;
}

export const routeId = (route: Pick<RouteName, 'provider' | 'model'>): string => (route.provider === '' ? route.model : `${route.provider}/${route.model}`);
