import type { ApiFormat } from '../wire/formats.ts';
import type { Dialect } from '../wire/translation.ts';

type Body = Readonly<Record<string, unknown>>;

/** Fields to set in a request, or to take out (`undefined`), so that it is held to so many tokens of output; none when `limit` is null. `dialect` of where it goes in its own format, null when it is translated. */
export function outputLimitChanges(body: Body, format: ApiFormat, dialect: Dialect | null, limit: number | null | undefined): Body {
  if (limit == null) return {};
  const field = format === 'openai-responses' ? 'max_output_tokens' : format === 'anthropic-messages' || format === 'openai-completions' ? 'max_tokens' : (dialect?.maxTokensField ?? 'max_completion_tokens');
  if (body[field] === limit) return {};
  // Who knows the older field only is not told both.
  const newer = format === 'openai-chat' && field === 'max_tokens' && body.max_completion_tokens !== undefined ? { max_completion_tokens: undefined } : {};
  return { [field]: limit, ...newer };
}
