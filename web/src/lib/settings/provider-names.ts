import type { ProviderName } from '@deskhand/contracts';

export const providerNames: Record<ProviderName, string> = { openai: 'OpenAI', anthropic: 'Anthropic', google: 'Google Gemini', mistral: 'Mistral' };

/** What to write in a field that may stay empty. */
export const endpointHints: Record<ProviderName, string> = {
  openai: 'https://api.openai.com/v1, or any OpenAI-compatible endpoint',
  anthropic: 'https://api.anthropic.com',
  google: 'Google’s own endpoint',
  mistral: 'https://api.mistral.ai/v1',
};
