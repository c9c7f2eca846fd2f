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
