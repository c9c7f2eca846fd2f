import { claudeDialect, compatibleDialect, openaiDialect } from '../upstreams/model-dialects.ts';
import type { Dialect } from '../wire/translation.ts';
import type { Upstream } from './route.ts';

/** What a model behind a user's or the server's provider takes. */
export function dialectOf(upstream: Pick<Upstream, 'provider' | 'wire' | 'official' | 'mistral'>, model: string): Dialect {
  if (upstream.wire === 'anthropic-messages') return claudeDialect(model);
  if (upstream.mistral) return compatibleDialect('mistral', model);
  if (upstream.provider === 'openai' && upstream.official) return openaiDialect(model);
  return compatibleDialect(upstream.provider === 'google' ? 'gemini' : upstream.provider, model);
}
