import { bodyWith } from '../wire/body-edit.ts';
import type { ApiFormat } from '../wire/formats.ts';
import type { Dialect } from '../wire/translation.ts';

interface Body {
  raw: Buffer;
  body: Record<string, unknown>;
}

/** A request that is held to so many tokens of output; as it is when `limit` is null. `dialect` of where it goes in its own format, null when it is translated. */
export function withOutputLimit({ raw, body }: Body, format: ApiFormat, dialect: Dialect | null, limit: number | null | undefined): Body {
  if (limit == null) return { raw, body };
  const field = format === 'openai-responses' ? 'max_output_tokens' : format === 'anthropic-messages' || format === 'openai-completions' ? 'max_tokens' : (dialect?.maxTokensField ?? 'max_completion_tokens');
  if (body[field] === limit) return { raw, body };
  // Who knows the older field only is not told both.
  const newer = format === 'openai-chat' && field === 'max_tokens' && body.max_completion_tokens !== undefined ? { max_completion_tokens: undefined } : {};
  const changes = { [field]: limit, ...newer };
  return { raw: bodyWith(raw, body, changes), body: { ...body, ...changes } };
}
