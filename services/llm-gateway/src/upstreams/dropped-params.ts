import type { Endpoint, ModelUpstream } from './upstream.ts';

/** What models that reason refuse of each endpoint's fields; without it they answer as they always do. */
const refused: Partial<Record<Endpoint, readonly string[]>> = {
  chat: ['temperature', 'top_p', 'presence_penalty', 'frequency_penalty', 'logprobs', 'top_logprobs', 'logit_bias', 'stop'],
  responses: ['temperature', 'top_p', 'top_logprobs'],
  messages: ['temperature', 'top_p', 'top_k'],
};

/** LiteLLM's `drop_params`: the same way, on which a model that is known to refuse sampling is not told of it. Translations never tell it. */
export function droppingParams(upstream: ModelUpstream): ModelUpstream {
  if (upstream.dialect.sampling !== false) return upstream;
  const changes = upstream.bodyChanges.bind(upstream);
  const bodyChanges: ModelUpstream['bodyChanges'] = (endpoint, body, headers) => ({ ...dropped(refused[endpoint] ?? [], body), ...changes(endpoint, body, headers) });
  return Object.assign(upstream, { bodyChanges });
}

function dropped(names: readonly string[], body: Readonly<Record<string, unknown>>): Record<string, undefined> {
  // One that is told not to reason takes them.
  if (body.reasoning_effort === 'none') return {};
  return Object.fromEntries(names.filter((name) => Object.hasOwn(body, name)).map((name) => [name, undefined]));
}
