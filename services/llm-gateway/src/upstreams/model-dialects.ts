import type { Dialect } from '../wire/translation.ts';

/** Version of a Claude model by its name, as 4.07 for 4.7; null for names without one. */
function claudeVersion(model: string): number | null {
  const found = /claude-(?:[a-z]+-)?(\d)(?:[-.](\d{1,2}))?(?!\d)/.exec(model);
  return found ? Number(found[1]) + Number(found[2] ?? 0) / 100 : null;
}

/** What a Claude model takes; one whose name says no version is taken for a current one. */
export function claudeDialect(model: string): Dialect {
  const version = claudeVersion(model) ?? 9;
  const efforts = version >= 4.07 ? ['low', 'medium', 'high', 'xhigh', 'max'] : ['low', 'medium', 'high', 'max'];
  return {
    efforts, thinking: version >= 4.06 ? 'adaptive' : version >= 3.07 ? 'budget' : 'never', sampling: version < 4.07, schemas: version >= 4.01, systemInPlace: version >= 4.08,
    outputLimit: version >= 3.07 ? 32_000 : version >= 3.05 ? 8_192 : 4_096,
  };
}

/** Whether this is one of OpenAI's models that reason. */
export const reasons = (model: string): boolean => /^(o\d|gpt-[5-9]|codex)/.test(model) && !/-chat(-latest)?$/.test(model);

/** What an OpenAI model takes. */
export function openaiDialect(model: string): Dialect {
  return { developerRole: true, ...(reasons(model) && { efforts: openaiEfforts(model), sampling: false }) };
}

function openaiEfforts(model: string): readonly string[] {
  const version = Number(/^gpt-(\d+(?:\.\d+)?)/.exec(model)?.[1] ?? 0);
  if (version >= 5.2) return ['none', 'low', 'medium', 'high', 'xhigh'];
  if (version >= 5.1) return /codex-max/.test(model) ? ['none', 'low', 'medium', 'high', 'xhigh'] : ['none', 'low', 'medium', 'high'];
  return version === 5 ? ['minimal', 'low', 'medium', 'high'] : ['low', 'medium', 'high'];
}

/** What a model takes at an endpoint that speaks OpenAI's format and is not OpenAI's. */
export function compatibleDialect(provider: string, model: string): Dialect {
  const name = model.slice(model.lastIndexOf('/') + 1);
  const dialect: Dialect = { maxTokensField: 'max_tokens', ...(name.startsWith('gpt-oss') && { efforts: ['low', 'medium', 'high'] }) };
  switch (provider) {
    case 'mistral': return { ...dialect, streamUsage: false, nineLetterCallIds: true };
    case 'gemini': case 'vertex_ai': return { ...dialect, ...(/gemini-(2\.5|[3-9])/.test(name) && { efforts: ['low', 'medium', 'high'] }) };
    case 'openrouter': return { ...dialect, cacheControl: true, efforts: ['none', 'minimal', 'low', 'medium', 'high', 'xhigh'] };
    case 'deepseek': case 'moonshot': case 'hosted_vllm': return { ...dialect, reasoningEcho: true };
    case 'openai': return reasons(name) ? { ...openaiDialect(name), developerRole: false } : dialect;
    default: return dialect;
  }
}
