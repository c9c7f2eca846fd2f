/** A provider that speaks OpenAI's format: where it is and which variable holds its key. */
export interface CompatibleProvider {
  /** Null: the address must be configured. */
  base: string | null;
  /** Variables that may hold the key, and the address. */
  keys: readonly string[];
  bases?: readonly string[];
  /** Works without a key. */
  keyless?: boolean;
}

const at = (base: string, ...keys: string[]): CompatibleProvider => ({ base, keys });

/** By the names that LiteLLM gives them. */
export const compatibleProviders: Readonly<Record<string, CompatibleProvider>> = {
  openai: { ...at('https://api.openai.com/v1', 'OPENAI_API_KEY'), bases: ['OPENAI_BASE_URL', 'OPENAI_API_BASE'] },
  gemini: at('https://generativelanguage.googleapis.com/v1beta/openai', 'GEMINI_API_KEY', 'GOOGLE_API_KEY'),
  mistral: at('https://api.mistral.ai/v1', 'MISTRAL_API_KEY'),
  codestral: at('https://codestral.mistral.ai/v1', 'CODESTRAL_API_KEY'),
  groq: at('https://api.groq.com/openai/v1', 'GROQ_API_KEY'),
  together_ai: at('https://api.together.xyz/v1', 'TOGETHERAI_API_KEY', 'TOGETHER_API_KEY'),
  openrouter: at('https://openrouter.ai/api/v1', 'OPENROUTER_API_KEY'),
  deepseek: at('https://api.deepseek.com/v1', 'DEEPSEEK_API_KEY'),
  xai: at('https://api.x.ai/v1', 'XAI_API_KEY'),
  fireworks_ai: at('https://api.fireworks.ai/inference/v1', 'FIREWORKS_AI_API_KEY', 'FIREWORKS_API_KEY'),
  cerebras: at('https://api.cerebras.ai/v1', 'CEREBRAS_API_KEY'),
  deepinfra: at('https://api.deepinfra.com/v1/openai', 'DEEPINFRA_API_KEY'),
  moonshot: at('https://api.moonshot.ai/v1', 'MOONSHOT_API_KEY'),
  nvidia_nim: at('https://integrate.api.nvidia.com/v1', 'NVIDIA_NIM_API_KEY'),
  sambanova: at('https://api.sambanova.ai/v1', 'SAMBANOVA_API_KEY'),
  dashscope: at('https://dashscope-intl.aliyuncs.com/compatible-mode/v1', 'DASHSCOPE_API_KEY'),
  perplexity: at('https://api.perplexity.ai', 'PERPLEXITYAI_API_KEY', 'PERPLEXITY_API_KEY'),
  ollama: { base: 'http://localhost:11434/v1', keys: ['OLLAMA_API_KEY'], bases: ['OLLAMA_API_BASE'], keyless: true },
  ollama_chat: { base: 'http://localhost:11434/v1', keys: ['OLLAMA_API_KEY'], bases: ['OLLAMA_API_BASE'], keyless: true },
  lm_studio: { base: 'http://localhost:1234/v1', keys: ['LM_STUDIO_API_KEY'], bases: ['LM_STUDIO_API_BASE'], keyless: true },
  hosted_vllm: { base: null, keys: ['HOSTED_VLLM_API_KEY'], bases: ['HOSTED_VLLM_API_BASE'], keyless: true },
  litellm_proxy: { base: null, keys: ['LITELLM_PROXY_API_KEY'], bases: ['LITELLM_PROXY_API_BASE'], keyless: true },
  openai_like: { base: null, keys: ['OPENAI_LIKE_API_KEY'], keyless: true },
  custom_openai: { base: null, keys: ['OPENAI_API_KEY'], keyless: true },
};

/** Providers with ways of their own. */
export const ownProviders = ['anthropic', 'azure', 'bedrock', 'vertex_ai'] as const;
export type OwnProvider = (typeof ownProviders)[number];

export const providerNames: readonly string[] = [...ownProviders, ...Object.keys(compatibleProviders)];

/** Names without a provider before them that tell whose they are. */
export function providerOf(model: string): string | null {
  if (/^(gpt-|chatgpt-|o\d|text-embedding-|codex-)/.test(model)) return 'openai';
  if (model.startsWith('claude-')) return 'anthropic';
  if (model.startsWith('gemini-')) return 'gemini';
  return /^(mistral|ministral|codestral|devstral|magistral|pixtral)-/.test(model) ? 'mistral' : null;
}
