import type { ConfiguredModel } from '@deskhand/contracts';
import { describe, expect, it } from 'vitest';
import { bodyOf, fieldsOf, fieldWords, offeredProviders } from './model-fields.ts';

const stored = (more: Partial<ConfiguredModel> = {}): ConfiguredModel => ({
  id: 'm', model_name: 'fast', provider: 'groq', model: 'llama', source: 'database', line: null, litellm_params: { model: 'groq/llama', rpm: 60, input_cost_per_token: 1.5e-7 }, model_info: { max_input_tokens: 128_000, description: 'kept' }, secrets: ['api_key'],
  api_base: null, mode: null, prices: { input: null, output: null, cache_read: null, configured: true }, context_window: null, health: { state: 'unknown', at: null, reason: null, cooled_until: null, active: 0, first_byte_ms: null }, problem: null, unused: [], created_at: null, updated_at: null, ...more,
});

describe('the form of a model', () => {
  it('sends what was filled in', () => {
    const fields = { ...fieldsOf(null), name: ' fast ', provider: 'groq', model: 'llama', texts: { api_key: ' k ', api_base: '' }, inputPrice: '0.15', outputPrice: '', context: '128000', numbers: { rpm: '60' } };
    expect(bodyOf(fields, null)).toEqual({ model_name: 'fast', litellm_params: { model: 'groq/llama', api_key: 'k', input_cost_per_token: 1.5e-7, rpm: 60 }, model_info: { max_input_tokens: 128_000 } });
  });

  it('shows what is stored and sends it back unchanged; an empty secret stays', () => {
    const before = stored();
    const fields = fieldsOf(before);
    expect(fields).toMatchObject({ name: 'fast', provider: 'groq', model: 'llama', inputPrice: '0.15', context: '128000', numbers: { rpm: '60' } });
    expect(bodyOf(fields, before)).toEqual({ model_name: 'fast', litellm_params: { model: 'groq/llama', input_cost_per_token: 1.5e-7, rpm: 60 }, model_info: { max_input_tokens: 128_000 } });
  });

  it('takes away what was emptied', () => {
    const before = stored({ litellm_params: { model: 'groq/llama', rpm: 60, api_base: 'https://x.example', input_cost_per_token: 1e-6 }, model_info: { max_input_tokens: 5, max_tokens: 4 } });
    const fields = { ...fieldsOf(before), inputPrice: '', context: '', numbers: {}, texts: {} };
    expect(bodyOf(fields, before)).toEqual({ model_name: 'fast', litellm_params: { model: 'groq/llama', rpm: null, api_base: null, input_cost_per_token: null }, model_info: { max_input_tokens: null } });
  });

  it('takes another provider\'s fields away', () => {
    const before = stored({ provider: 'bedrock', litellm_params: { model: 'bedrock/x', aws_region_name: 'us-east-1' }, secrets: ['aws_access_key_id', 'aws_secret_access_key'] });
    expect(bodyOf({ ...fieldsOf(before), provider: 'openai', model: 'gpt', texts: { api_key: 'k' } }, before).litellm_params).toEqual({ model: 'openai/gpt', api_key: 'k', aws_region_name: null, aws_access_key_id: null, aws_secret_access_key: null });
  });

  it('names a field as it is labelled', () => {
    expect(fieldWords('litellm_params.api_base: The endpoint URL is not usable', 'openai')).toBe('Address: The endpoint URL is not usable');
    expect(fieldWords('litellm_params.rpm must be a number.', 'openai')).toBe('Calls a minute must be a number.');
  });

  it('offers each provider once, the known ones first', () => {
    expect(offeredProviders(['anthropic', 'custom_openai', 'newcomer', 'ollama_chat', 'openai'])).toEqual(['openai', 'anthropic', 'newcomer']);
  });
});
