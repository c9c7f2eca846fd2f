import type { ConfiguredModel } from '@deskhand/contracts';

/** What the form of a model asks for, as text. */
export interface ModelFields {
  name: string;
  provider: string;
  model: string;
  kind: 'chat' | 'embedding';
  /** LiteLLM's names of parameters that are text, secrets among them. */
  texts: Record<string, string>;
  /** Dollars for a million tokens. */
  inputPrice: string;
  outputPrice: string;
  context: string;
  numbers: Record<string, string>;
}

export interface ModelBody {
  model_name: string;
  litellm_params: Record<string, unknown>;
  model_info: Record<string, unknown>;
}

interface TextField {
  name: string;
  label: string;
  hint?: string;
  secret?: boolean;
  long?: boolean;
}

const key: TextField = { name: 'api_key', label: 'API key', secret: true };
const address = (hint: string): TextField => ({ name: 'api_base', label: 'Address', hint });

/** Fields of providers that want others than an address and a key. */
const ofProvider: Readonly<Record<string, readonly TextField[]>> = {
  azure: [address('https://NAME.openai.azure.com'), key, { name: 'api_version', label: 'API version', hint: 'Such as 2024-10-21; empty for the newer API without dates.' }],
  bedrock: [{ name: 'aws_region_name', label: 'Region', hint: 'Such as us-east-1.' }, { name: 'aws_access_key_id', label: 'Access key id', secret: true }, { name: 'aws_secret_access_key', label: 'Secret access key', secret: true }, { name: 'aws_bearer_token_bedrock', label: 'Or a Bedrock API key', secret: true }],
  vertex_ai: [{ name: 'vertex_project', label: 'Project' }, { name: 'vertex_location', label: 'Location', hint: 'Such as us-central1 or global.' }, { name: 'vertex_credentials', label: 'Service account, as JSON', secret: true, long: true }],
};

export const textFields = (provider: string): readonly TextField[] => ofProvider[provider] ?? [address('Only when it is not the provider’s own, such as http://127.0.0.1:11434/v1.'), key];

export const numberFields = [
  { name: 'rpm', label: 'Calls a minute' }, { name: 'tpm', label: 'Tokens a minute' }, { name: 'max_parallel_requests', label: 'Calls at once' },
  { name: 'weight', label: 'Weight', hint: 'Its share among entries of the same name.' }, { name: 'order', label: 'Order', hint: 'Lower ones are asked first.' },
] as const;

const providerLabels: Readonly<Record<string, string>> = {
  openai: 'OpenAI', anthropic: 'Anthropic', azure: 'Azure OpenAI', bedrock: 'Amazon Bedrock', vertex_ai: 'Google Vertex AI', gemini: 'Google Gemini', mistral: 'Mistral', groq: 'Groq', together_ai: 'Together AI', openrouter: 'OpenRouter', deepseek: 'DeepSeek', xai: 'xAI',
  fireworks_ai: 'Fireworks AI', cerebras: 'Cerebras', deepinfra: 'DeepInfra', moonshot: 'Moonshot', nvidia_nim: 'NVIDIA NIM', sambanova: 'SambaNova', dashscope: 'DashScope', perplexity: 'Perplexity', codestral: 'Codestral', ollama: 'Ollama', lm_studio: 'LM Studio', hosted_vllm: 'vLLM',
  litellm_proxy: 'LiteLLM', openai_like: 'OpenAI-compatible',
};
export const providerLabel = (name: string): string => providerLabels[name] ?? name;

/** Names that mean the same as another one, or do not answer chats. */
const doubled = new Set(['ollama_chat', 'custom_openai']);
/** Those that people know first. */
export const offeredProviders = (names: readonly string[]): string[] => [...Object.keys(providerLabels).filter((name) => names.includes(name)), ...names.filter((name) => !(name in providerLabels) && !doubled.has(name))];

const text = (value: unknown): string => (typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '');
const perMillion = (value: unknown): string => (typeof value === 'number' ? String(Number((value * 1e6).toPrecision(10))) : '');

export function fieldsOf(model: ConfiguredModel | null): ModelFields {
  const { litellm_params: parameters = {}, model_info: info = {}, provider = 'openai', model_name: name = '' } = model ?? {};
  const full = text(parameters['model']);
  return {
    name, provider, model: full.startsWith(`${provider}/`) ? full.slice(provider.length + 1) : full, kind: info['mode'] === 'embedding' ? 'embedding' : 'chat',
    texts: Object.fromEntries(textFields(provider).map((field) => [field.name, text(parameters[field.name])])),
    inputPrice: perMillion(parameters['input_cost_per_token'] ?? info['input_cost_per_token']), outputPrice: perMillion(parameters['output_cost_per_token'] ?? info['output_cost_per_token']),
    context: text(info['max_input_tokens']), numbers: Object.fromEntries(numberFields.map((field) => [field.name, text(parameters[field.name])])),
  };
}

/** What to send: null takes away what is stored; a secret that is left empty stays as it is. */
export function bodyOf(fields: ModelFields, before: ConfiguredModel | null): ModelBody {
  const parameters: Record<string, unknown> = { model: `${fields.provider}/${fields.model.trim()}` };
  const info: Record<string, unknown> = {};
  const stored = (holder: Record<string, unknown> | undefined, name: string): boolean => holder?.[name] != null;
  const set = (target: Record<string, unknown>, holder: Record<string, unknown> | undefined, name: string, value: unknown): void => {
    if (value !== '' && value !== null) target[name] = value;
    else if (stored(holder, name)) target[name] = null;
  };
  for (const { name, secret } of textFields(fields.provider)) {
    const value = (fields.texts[name] ?? '').trim();
    if (secret !== true) set(parameters, before?.litellm_params, name, value);
    else if (value !== '') parameters[name] = value;
  }
  if (before !== null && before.provider !== fields.provider) {
    const kept = new Set(textFields(fields.provider).map(({ name }) => name));
    for (const { name, secret } of textFields(before.provider)) if (!kept.has(name) && (secret === true ? before.secrets.includes(name) : stored(before.litellm_params, name))) parameters[name] = null;
  }
  // The provider now stands in the model's name.
  if (stored(before?.litellm_params, 'custom_llm_provider')) parameters['custom_llm_provider'] = null;
  for (const [name, price] of [['input_cost_per_token', fields.inputPrice], ['output_cost_per_token', fields.outputPrice]] as const) {
    set(parameters, before?.litellm_params, name, price.trim() === '' ? null : Number(price) / 1e6);
    if (stored(before?.model_info, name)) info[name] = null;
  }
  for (const { name } of numberFields) set(parameters, before?.litellm_params, name, (fields.numbers[name] ?? '').trim() === '' ? null : Number(fields.numbers[name]));
  set(info, before?.model_info, 'max_input_tokens', fields.context.trim() === '' ? null : Number(fields.context));
  set(info, before?.model_info, 'mode', fields.kind === 'embedding' ? 'embedding' : before?.model_info['mode'] === 'embedding' ? null : (before?.model_info['mode'] ?? null));
  return { model_name: fields.name.trim(), litellm_params: parameters, model_info: info };
}

/** The server names fields as LiteLLM does; people see their labels. */
export function fieldWords(message: string, provider: string): string {
  const labels = new Map<string, string>([['model', 'Model'], ['max_input_tokens', 'Context window'], ['input_cost_per_token', 'Price of input'], ['output_cost_per_token', 'Price of output'], ...numberFields.map(({ name, label }): [string, string] => [name, label]), ...textFields(provider).map(({ name, label }): [string, string] => [name, label])]);
  return message.replace(/\b(?:litellm_params|model_info)\.([a-z_]+)/g, (whole, name: string) => labels.get(name) ?? whole).replace(/^model_name\b/, 'Name');
}
