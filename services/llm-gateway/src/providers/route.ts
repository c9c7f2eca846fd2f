/** Which model, and whose key: a run token carries this, so it holds no secret. */
export interface RouteName {
  /** `group`: a model of the gateway's configuration; `model` is its name there. `caller`: an account of the caller's own, of which the gateway knows nothing. */
  source: 'builtin' | 'user' | 'server' | 'group' | 'caller';
  provider: string;
  /** As the provider names it. */
  model: string;
}

export const routeId = (route: Pick<RouteName, 'provider' | 'model'>): string => (route.provider === '' ? route.model : `${route.provider}/${route.model}`);

/** The configured model's name that a route is for; null where it is for none. */
export const groupOf = (route: RouteName): string | null => (route.source === 'group' ? route.model : null);

/** The name that was asked for, by which people know a call: the configured model's, else provider and model. */
export const askedModel = (group: string | null | undefined, place: Pick<RouteName, 'provider' | 'model'>): string => group ?? routeId(place);
