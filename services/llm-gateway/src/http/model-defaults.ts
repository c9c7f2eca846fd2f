import type { ApiFormat } from '../wire/formats.ts';

type Body = Readonly<Record<string, unknown>>;

/** Where each format has what chat completions call so; what is not listed a format does not have. */
const names: Readonly<Record<ApiFormat, Readonly<Record<string, string>>>> = {
  'openai-chat': { temperature: 'temperature', top_p: 'top_p', top_k: 'top_k', max_tokens: 'max_tokens', max_completion_tokens: 'max_completion_tokens', stop: 'stop', seed: 'seed', presence_penalty: 'presence_penalty', frequency_penalty: 'frequency_penalty', reasoning_effort: 'reasoning_effort', thinking: 'thinking' },
  'openai-completions': { temperature: 'temperature', top_p: 'top_p', max_tokens: 'max_tokens', max_completion_tokens: 'max_tokens', stop: 'stop', seed: 'seed', presence_penalty: 'presence_penalty', frequency_penalty: 'frequency_penalty' },
  'openai-responses': { temperature: 'temperature', top_p: 'top_p', max_tokens: 'max_output_tokens', max_completion_tokens: 'max_output_tokens', reasoning_effort: 'reasoning' },
  'anthropic-messages': { temperature: 'temperature', top_p: 'top_p', top_k: 'top_k', max_tokens: 'max_tokens', max_completion_tokens: 'max_tokens', stop: 'stop_sequences', thinking: 'thinking' },
};

/** Two names for one thing: whoever says either has said it. */
const other: Readonly<Record<string, string>> = { max_tokens: 'max_completion_tokens', max_completion_tokens: 'max_tokens', thinking: 'reasoning_effort', reasoning_effort: 'thinking' };

const none: Body = {};

/** The fields that a deployment's own settings add to a request, where the client says nothing of them. */
export function defaultsFor(defaults: Body, format: ApiFormat, body: Body): Body {
  const settings = Object.entries(defaults);
  if (settings.length === 0) return none;
  const isSaid = (name: string): boolean => body[name] != null;
  const added: Record<string, unknown> = {};
  for (const [setting, value] of settings) {
    const name = names[format][setting];
    if (name === undefined || isSaid(name) || isSaid(other[name] ?? name)) continue;
    if (name === 'reasoning') added[name] = { effort: value };
    else added[name] = name === 'stop_sequences' ? [value].flat() : value;
  }
  return added;
}

const limits = ['max_completion_tokens', 'max_tokens', 'max_output_tokens'];

/** How much output these fields allow. */
export function statedLimit(fields: Body): number | null {
  const stated = limits.map((name) => fields[name]).find((value) => value !== undefined);
  return typeof stated === 'number' ? stated : null;
}

export const withoutLimit = (fields: Body): Body => Object.fromEntries(Object.entries(fields).filter(([name]) => !limits.includes(name)));
