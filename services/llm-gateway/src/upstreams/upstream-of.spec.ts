import { describe, expect, it } from 'vitest';
import type { ApiFormat, CalledFormat } from '../wire/formats.ts';
import { upstreamOf } from './upstream-of.ts';
import type { DeploymentParameters, Endpoint, ModelUpstream } from './upstream.ts';

const noCalls = { outgoing: { post: () => Promise.reject(new Error('no call is made here')), timeouts: { connectMs: 1, firstByteMs: 1, idleMs: 1 } }, environment: {} as Record<string, string | undefined> };
const make = (parameters: DeploymentParameters, environment: Record<string, string> = {}): ModelUpstream => upstreamOf(parameters, { ...noCalls, environment });

async function address(upstream: ModelUpstream, endpoint: Endpoint, format: CalledFormat = 'openai-chat', stream = false): Promise<{ url: string; headers: Record<string, string> }> {
  const { origin, path, headers } = await upstream.prepare({ endpoint, format, stream, body: Buffer.from('{}'), clientHeaders: {} });
  return { url: origin + path, headers };
}

describe('where a model is', () => {
  it.each<[DeploymentParameters, Endpoint, string]>([
    [{ model: 'openai/gpt-5.5', api_key: 'k' }, 'chat', 'https://api.openai.com/v1/chat/completions'],
    [{ model: 'gpt-5.5', api_key: 'k' }, 'responses', 'https://api.openai.com/v1/responses'],
    [{ model: 'openai/text-embedding-3-small', api_key: 'k' }, 'embeddings', 'https://api.openai.com/v1/embeddings'],
    [{ model: 'openai/any', api_base: 'http://10.0.0.5:8000' }, 'chat', 'http://10.0.0.5:8000/v1/chat/completions'],
    [{ model: 'openai/any', api_base: 'https://host/deep/path/' }, 'chat', 'https://host/deep/path/chat/completions'],
    [{ model: 'openai/any', api_base: 'https://host/v1/chat/completions' }, 'embeddings', 'https://host/v1/embeddings'],
    [{ model: 'gemini/gemini-3.8-flash', api_key: 'k' }, 'chat', 'https://generativelanguage.googleapis.com/v1beta/openai/chat/completions'],
    [{ model: 'mistral/mistral-large-latest', api_key: 'k' }, 'chat', 'https://api.mistral.ai/v1/chat/completions'],
    [{ model: 'groq/llama-3.3-70b', api_key: 'k' }, 'chat', 'https://api.groq.com/openai/v1/chat/completions'],
    [{ model: 'together_ai/meta-llama/Llama-3', api_key: 'k' }, 'chat', 'https://api.together.xyz/v1/chat/completions'],
    [{ model: 'openrouter/anthropic/claude-sonnet-5', api_key: 'k' }, 'chat', 'https://openrouter.ai/api/v1/chat/completions'],
    [{ model: 'deepseek/deepseek-chat', api_key: 'k' }, 'chat', 'https://api.deepseek.com/v1/chat/completions'],
    [{ model: 'xai/grok-4', api_key: 'k' }, 'chat', 'https://api.x.ai/v1/chat/completions'],
    [{ model: 'perplexity/sonar', api_key: 'k' }, 'chat', 'https://api.perplexity.ai/chat/completions'],
    [{ model: 'ollama/llama3' }, 'chat', 'http://localhost:11434/v1/chat/completions'],
    [{ model: 'ollama_chat/llama3', api_base: 'http://box:11434' }, 'chat', 'http://box:11434/v1/chat/completions'],
    [{ model: 'lm_studio/qwen' }, 'chat', 'http://localhost:1234/v1/chat/completions'],
    [{ model: 'hosted_vllm/qwen', api_base: 'http://gpu:8000/v1' }, 'chat', 'http://gpu:8000/v1/chat/completions'],
    [{ model: 'anthropic/claude-opus-5-5', api_key: 'k' }, 'messages', 'https://api.anthropic.com/v1/messages'],
    [{ model: 'claude-opus-5-5', api_key: 'k', api_base: 'https://proxy/anthropic/v1' }, 'count-tokens', 'https://proxy/anthropic/v1/messages/count_tokens'],
    [{ model: 'azure/my gpt', api_key: 'k', api_base: 'https://acme.openai.azure.com/', api_version: '2025-04-01-preview' }, 'chat', 'https://acme.openai.azure.com/openai/deployments/my%20gpt/chat/completions?api-version=2025-04-01-preview'],
    [{ model: 'azure/my-gpt', api_key: 'k', api_base: 'https://acme.openai.azure.com', api_version: '2025-04-01-preview' }, 'embeddings', 'https://acme.openai.azure.com/openai/deployments/my-gpt/embeddings?api-version=2025-04-01-preview'],
    [{ model: 'azure/my-gpt', api_key: 'k', api_base: 'https://acme.openai.azure.com', api_version: '2025-04-01-preview' }, 'responses', 'https://acme.openai.azure.com/openai/responses?api-version=2025-04-01-preview'],
    [{ model: 'azure/my-gpt', api_key: 'k', api_base: 'https://acme.openai.azure.com/openai/v1/' }, 'chat', 'https://acme.openai.azure.com/openai/v1/chat/completions'],
    [{ model: 'azure/my-gpt', api_key: 'k', api_base: 'https://acme.openai.azure.com', api_version: 'preview' }, 'responses', 'https://acme.openai.azure.com/openai/v1/responses?api-version=preview'],
    [{ model: 'bedrock/us.anthropic.claude-opus-5-5-v1:0', aws_region_name: 'us-west-2', api_key: 'k' }, 'messages', 'https://bedrock-runtime.us-west-2.amazonaws.com/model/us.anthropic.claude-opus-5-5-v1%3A0/invoke'],
    [{ model: 'bedrock/eu-central-1/amazon.nova-pro-v1:0', api_key: 'k' }, 'chat', 'https://bedrock-runtime.eu-central-1.amazonaws.com/model/amazon.nova-pro-v1%3A0/converse'],
    [{ model: 'bedrock/converse/anthropic.claude-x', aws_region_name: 'us-east-1', api_key: 'k' }, 'chat', 'https://bedrock-runtime.us-east-1.amazonaws.com/model/anthropic.claude-x/converse'],
    [{ model: 'bedrock/arn:aws:bedrock:ap-south-1:1:application-inference-profile/ab12', api_key: 'k' }, 'chat', 'https://bedrock-runtime.ap-south-1.amazonaws.com/model/arn%3Aaws%3Abedrock%3Aap-south-1%3A1%3Aapplication-inference-profile%2Fab12/converse'],
  ])('%o, %s', async (parameters, endpoint, url) => {
    expect((await address(make(parameters), endpoint)).url).toBe(url);
  });

  it('names an unknown provider and what is missing', () => {
    expect(() => make({ model: 'watsonx/granite' })).toThrow(/provider "watsonx" of the model "watsonx\/granite" is not known/);
    expect(() => make({ model: 'granite' })).toThrow(/names no provider/);
    expect(() => make({ model: 'openai/gpt-5.5' })).toThrow(/api_key \(or OPENAI_API_KEY\) is missing/);
    expect(() => make({ model: 'azure/x', api_key: 'k' })).toThrow(/api_base is missing/);
    expect(() => make({ model: 'hosted_vllm/x' })).toThrow(/api_base is missing/);
    expect(() => make({ model: 'bedrock/anthropic.claude-x', aws_access_key_id: 'a', aws_region_name: 'r' })).toThrow(/aws_access_key_id with aws_secret_access_key/);
    expect(() => make({ model: 'bedrock/anthropic.claude-x', api_key: 'k' })).toThrow(/aws_region_name is missing/);
    expect(() => make({ model: 'vertex_ai/gemini-3.8-flash' })).toThrow(/vertex_credentials is missing/);
    expect(() => make({ model: 'openai/x', api_base: 'ftp://x' })).toThrow(/api_base of the model "openai\/x" is not an address/);
    expect(() => make({ model: 'openai/x', api_base: 'https://u:p@x/v1' })).toThrow(/user name or password/);
    expect(make({ model: 'meta/llama', custom_llm_provider: 'nvidia_nim', api_key: 'k' }).model).toBe('meta/llama');
  });

  it('takes keys and regions from the variables LiteLLM reads', async () => {
    expect((await address(make({ model: 'groq/x' }, { GROQ_API_KEY: 'from-variable' }), 'chat')).headers.authorization).toBe('Bearer from-variable');
    expect((await address(make({ model: 'azure/x' }, { AZURE_API_KEY: 'ak', AZURE_API_BASE: 'https://a.b', AZURE_API_VERSION: '2024-10-21' }), 'chat')).url).toBe('https://a.b/openai/deployments/x/chat/completions?api-version=2024-10-21');
    const bedrock = await address(make({ model: 'bedrock/anthropic.claude-x' }, { AWS_ACCESS_KEY_ID: 'AKID', AWS_SECRET_ACCESS_KEY: 's', AWS_SESSION_TOKEN: 't', AWS_REGION: 'us-east-2' }), 'messages');
    expect(bedrock.url).toMatch(/us-east-2/);
    expect(bedrock.headers).toMatchObject({ 'x-amz-security-token': 't' });
  });
});

describe('how a provider is told who calls', () => {
  it('by its own header', async () => {
    expect((await address(make({ model: 'openai/gpt-5.5', api_key: 'k', organization: 'org', extra_headers: { 'x-a': 'b' } }), 'chat')).headers).toEqual({ authorization: 'Bearer k', 'openai-organization': 'org', 'x-a': 'b' });
    expect((await address(make({ model: 'anthropic/claude-opus-5-5', api_key: 'k' }), 'messages')).headers).toEqual({ 'x-api-key': 'k', 'anthropic-version': '2023-06-01' });
    expect((await address(make({ model: 'anthropic/claude-opus-5-5', api_key: 'sk-ant-oat01-x' }), 'messages')).headers).toEqual({ authorization: 'Bearer sk-ant-oat01-x', 'anthropic-beta': 'oauth-2025-04-20', 'anthropic-version': '2023-06-01' });
    expect((await address(make({ model: 'azure/x', api_base: 'https://a.b', api_key: 'k' }), 'chat')).headers).toEqual({ 'api-key': 'k' });
    expect((await address(make({ model: 'azure/x', api_base: 'https://a.b', azure_ad_token: 't' }), 'chat')).headers).toEqual({ authorization: 'Bearer t' });
    expect((await address(make({ model: 'bedrock/anthropic.claude-x', aws_region_name: 'r', aws_bearer_token_bedrock: 'b' }), 'messages')).headers).toMatchObject({ authorization: 'Bearer b' });
    expect((await address(make({ model: 'ollama/x' }), 'chat')).headers).toEqual({});
  });
});

describe('in which format a client is served', () => {
  const formats = (parameters: DeploymentParameters): CalledFormat[] => (['openai-chat', 'openai-responses', 'anthropic-messages'] satisfies ApiFormat[]).map((client) => make(parameters).formatFor(client));

  it('its own where the provider has it', () => {
    expect(formats({ model: 'openai/gpt-5.5', api_key: 'k' })).toEqual(['openai-chat', 'openai-responses', 'openai-responses']);
    expect(formats({ model: 'openai/gpt-4.1', api_key: 'k' })).toEqual(['openai-chat', 'openai-responses', 'openai-chat']);
    expect(formats({ model: 'openai/x', api_base: 'http://h' })).toEqual(['openai-chat', 'openai-chat', 'openai-chat']);
    expect(formats({ model: 'openai/responses/gpt-5.5-pro', api_key: 'k' })).toEqual(['openai-responses', 'openai-responses', 'openai-responses']);
    expect(formats({ model: 'anthropic/claude-opus-5-5', api_key: 'k' })).toEqual(['anthropic-messages', 'anthropic-messages', 'anthropic-messages']);
    expect(formats({ model: 'azure/gpt-5.5', api_key: 'k', api_base: 'https://a.b' })).toEqual(['openai-chat', 'openai-responses', 'openai-responses']);
    expect(formats({ model: 'bedrock/anthropic.claude-x', api_key: 'k', aws_region_name: 'r' })).toEqual(['anthropic-messages', 'anthropic-messages', 'anthropic-messages']);
    expect(formats({ model: 'bedrock/amazon.nova-pro-v1:0', api_key: 'k', aws_region_name: 'r' })).toEqual(['bedrock-converse', 'bedrock-converse', 'bedrock-converse']);
    expect(formats({ model: 'gemini/gemini-3.8-flash', api_key: 'k' })).toEqual(['openai-chat', 'openai-chat', 'openai-chat']);
  });
});

describe('what a body needs for a provider', () => {
  it('the model\'s own name, and usage in streams', () => {
    expect(make({ model: 'openai/gpt-5.5', api_key: 'k' }).bodyChanges('chat', { model: 'alias', stream: true, stream_options: { include_obfuscation: false } }, {})).toEqual({ model: 'gpt-5.5', stream_options: { include_obfuscation: false, include_usage: true } });
    expect(make({ model: 'openai/gpt-5.5', api_key: 'k' }).bodyChanges('chat', { model: 'gpt-5.5' }, {})).toEqual({});
    expect(make({ model: 'openai/gpt-5.5', api_key: 'k' }).bodyChanges('responses', { model: 'alias', stream: true }, {})).toEqual({ model: 'gpt-5.5' });
  });

  it('without what it refuses', () => {
    expect(make({ model: 'mistral/m', api_key: 'k' }).bodyChanges('chat', { model: 'm', stream: true, stream_options: { include_usage: true }, max_completion_tokens: 5 }, {})).toEqual({ stream_options: undefined, max_completion_tokens: undefined, max_tokens: 5 });
    const bedrock = make({ model: 'bedrock/anthropic.claude-x', api_key: 'k', aws_region_name: 'r' });
    expect(bedrock.bodyChanges('messages', { model: 'a', stream: true, max_tokens: 1, metadata: { user_id: 'u' } }, { 'anthropic-beta': 'context-1m-2025-08-07, oauth-2025-04-20' }))
      .toEqual({ model: undefined, stream: undefined, metadata: undefined, anthropic_version: 'bedrock-2023-05-31', anthropic_beta: ['context-1m-2025-08-07'] });
  });
});

describe('drop_params', () => {
  const changed = (model: string, endpoint: Endpoint, body: object, drop = true): object => make({ model, api_key: 'k', drop_params: drop }).bodyChanges(endpoint, { model: model.split('/')[1], ...body }, {});

  it('leaves out what a model that reasons is known to refuse', () => {
    const chat = { temperature: 0.2, top_p: 0.5, stop: ['x'], seed: 1 };
    expect(changed('openai/gpt-5.5', 'chat', chat)).toStrictEqual({ temperature: undefined, top_p: undefined, stop: undefined });
    expect(changed('openai/o3', 'responses', { temperature: 0.2 })).toStrictEqual({ temperature: undefined });
    expect(changed('anthropic/claude-opus-4-8', 'messages', { temperature: 0.2, top_k: 3, stop_sequences: ['x'] })).toStrictEqual({ temperature: undefined, top_k: undefined });
    expect(changed('openai/gpt-5.5', 'chat', { ...chat, reasoning_effort: 'none' })).toEqual({});
    expect([changed('openai/gpt-4.1', 'chat', chat), changed('groq/llama', 'chat', chat), changed('openai/gpt-5.5', 'chat', chat, false)]).toEqual([{}, {}, {}]);
  });

  it('is not needed for an output limit under its older name', () => {
    expect(changed('openai/gpt-5.5', 'chat', { max_tokens: 9 }, false)).toStrictEqual({ max_tokens: undefined, max_completion_tokens: 9 });
    expect(changed('openai/gpt-5.5', 'chat', { max_tokens: 9, max_completion_tokens: 5 }, false)).toStrictEqual({ max_tokens: undefined, max_completion_tokens: 5 });
    expect([changed('openai/gpt-4.1', 'chat', { max_tokens: 9 }), changed('groq/llama', 'chat', { max_tokens: 9 })]).toEqual([{}, {}]);
  });
});

describe('what a model takes', () => {
  const dialect = (model: string) => make({ model, api_key: 'k', aws_region_name: 'r', api_base: model.startsWith('azure') ? 'https://a.b' : undefined }).dialect;

  it('by the version in its name', () => {
    expect(dialect('anthropic/claude-3-5-sonnet-20241022')).toMatchObject({ thinking: 'never', sampling: true, outputLimit: 8_192, systemInPlace: false, schemas: false });
    expect(['claude-sonnet-4-20250514', 'claude-opus-4-1', 'claude-sonnet-4-5-20250929'].map((name) => dialect(`anthropic/${name}`).schemas)).toEqual([false, true, true]);
    expect(dialect('anthropic/claude-3-7-sonnet-20250219')).toMatchObject({ thinking: 'budget', sampling: true });
    expect(dialect('anthropic/claude-opus-4-20250514')).toMatchObject({ thinking: 'budget', sampling: true });
    expect(dialect('anthropic/claude-haiku-4-5')).toMatchObject({ thinking: 'budget' });
    expect(dialect('bedrock/us.anthropic.claude-opus-4-6-v1:0')).toMatchObject({ thinking: 'adaptive', sampling: true, efforts: ['low', 'medium', 'high', 'max'] });
    expect(dialect('anthropic/claude-opus-4-7')).toMatchObject({ thinking: 'adaptive', sampling: false, systemInPlace: false });
    expect(dialect('anthropic/claude-sonnet-5')).toMatchObject({ thinking: 'adaptive', sampling: false, systemInPlace: true });
    expect(dialect('openai/gpt-4.1')).toEqual({ developerRole: true });
    expect(dialect('openai/o3')).toMatchObject({ efforts: ['low', 'medium', 'high'], sampling: false });
    expect(dialect('openai/gpt-5')).toMatchObject({ efforts: ['minimal', 'low', 'medium', 'high'] });
    expect(dialect('azure/gpt-5.5')).toMatchObject({ efforts: ['none', 'low', 'medium', 'high', 'xhigh'] });
    expect(dialect('ollama/llama3')).toEqual({ maxTokensField: 'max_tokens' });
    expect(dialect('gemini/gemini-2.5-pro').efforts).toEqual(['low', 'medium', 'high']);
    expect(dialect('groq/openai/gpt-oss-120b').efforts).toEqual(['low', 'medium', 'high']);
  });
});
