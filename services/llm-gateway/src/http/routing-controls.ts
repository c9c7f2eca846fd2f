import type { IncomingHttpHeaders } from 'node:http';
import { isRecord } from '../wire/token-usage.ts';

/** What a request says to the gateway alone, by LiteLLM's names. */
export interface RoutingControls {
  /** Which of a model's deployments it is for. */
  tags: readonly string[];
  /** Whether the body held anything of it. */
  taken: boolean;
}

const noControls: RoutingControls = { tags: [], taken: false };

/** Fields of a body that LiteLLM keeps to itself; vendors refuse some of them. Of these only tags are followed. */
const fields = ['tags', 'litellm_metadata', 'fallbacks', 'context_window_fallbacks', 'content_policy_fallbacks', 'num_retries', 'litellm_session_id', 'litellm_trace_id'] as const;

/** Takes the gateway's own fields out of a body: no provider gets them. Almost no request has any. */
export function takeRoutingControls(body: Record<string, unknown>, headers: IncomingHttpHeaders): RoutingControls {
  const header = headers['x-litellm-tags'];
  const tagged = isRecord(body.metadata) && Object.hasOwn(body.metadata, 'tags') ? body.metadata : null;
  if (header === undefined && tagged === null && !fields.some((name) => name in body)) return noControls;
  const own = isRecord(body.litellm_metadata) ? body.litellm_metadata : {};
  const tags = [...tagsIn(header), ...tagsIn(body.tags), ...tagsIn(tagged?.tags), ...tagsIn(own.tags)];
  const present = fields.filter((name) => name in body);
  for (const name of present) delete body[name];
  if (tagged !== null) {
    const { tags: _, ...metadata } = tagged;
    if (Object.keys(metadata).length === 0) delete body.metadata;
    else body.metadata = metadata;
  }
  return { tags: [...new Set(tags)], taken: tagged !== null || present.length > 0 };
}

/** Writes the model that a request's path names into its body; whether that changed it. */
export function takeName(body: Record<string, unknown>, named: string | null): boolean {
  if (named === null || body.model === named) return false;
  body.model = named;
  return true;
}

/** A list of texts, or one text with commas between them. */
function tagsIn(value: unknown): string[] {
  const list: unknown[] = typeof value === 'string' ? value.split(',') : Array.isArray(value) ? value : [];
  return list.flatMap((tag) => (typeof tag === 'string' && tag.trim() !== '' ? [tag.trim()] : []));
}
