import { routeId, type RouteName } from '../providers/route.ts';

/** A budget that a key has beside its own: of another window, or of one model. */
export interface ExtraBudget {
  /** Null: it counts whatever is called. */
  model: string | null;
  /** LiteLLM's text of it, like `30d`; null: it never begins anew. */
  duration: string | null;
  /** US dollars. */
  max: number;
}

export const extraBudgetId = (hash: string, { model, duration }: Pick<ExtraBudget, 'model' | 'duration'>): string => `key:${hash}/${model === null ? `window ${duration}` : `model ${model}`}`;

/** The name that a model's budget knows a call by: that of the configured model, else provider and model. */
export const askedModel = (route: RouteName): string => (route.source === 'group' ? route.model : routeId(route));
