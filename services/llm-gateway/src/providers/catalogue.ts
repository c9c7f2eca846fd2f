import type { ProviderName, WireFormat } from '@deskhand/contracts';
import { entryOf } from '../entry-of.ts';
import type { GatewayConfig } from '../gateway-config.ts';

/** A vendor: where it is, which format it speaks, how its models are named. */
export interface Vendor {
  name: ProviderName;
  label: string;
  wire: WireFormat;
  /** Its name among the providers of configured models. */
  provider: string;
  /** The environment variable with the server-wide key. */
  variable: 'OPENAI_API_KEY' | 'ANTHROPIC_API_KEY' | 'GEMINI_API_KEY' | 'MISTRAL_API_KEY';
  /** Current models, the one to begin with first. */
  models: readonly string[];
  /** Names that are this vendor's even without its name before them. */
  owns: RegExp;
}

export const vendors: Record<ProviderName, Vendor> = {
  openai: {
    name: 'openai', label: 'OpenAI', wire: 'openai-chat', provider: 'openai', variable: 'OPENAI_API_KEY',
    models: ['gpt-5.5', 'gpt-5.4', 'gpt-5.4-mini', 'gpt-5.4-nano'], owns: /^(gpt-|chatgpt-|o\d)/,
  },
  anthropic: {
    name: 'anthropic', label: 'Anthropic', wire: 'anthropic-messages', provider: 'anthropic', variable: 'ANTHROPIC_API_KEY',
    models: ['claude-sonnet-5', 'claude-opus-5-5', 'claude-haiku-4-5'], owns: /^claude-/,
  },
  google: {
    name: 'google', label: 'Google Gemini', wire: 'openai-chat', provider: 'gemini', variable: 'GEMINI_API_KEY',
    models: ['gemini-3.8-flash', 'gemini-3.1-pro-preview', 'gemini-2.5-pro'], owns: /^gemini-/,
  },
  mistral: {
    name: 'mistral', label: 'Mistral', wire: 'openai-chat', provider: 'mistral', variable: 'MISTRAL_API_KEY',
    models: ['mistral-medium-latest', 'mistral-large-latest', 'mistral-small-latest', 'codestral-latest'], owns: /^(mistral|ministral|codestral|devstral|magistral|pixtral)-/,
  },
};

const aliases: Record<string, ProviderName> = { gemini: 'google' };

export function findVendor(name: string): Vendor | undefined {
  const known = entryOf(aliases, name) ?? name;
  return entryOf(vendors, known);
}

/** The vendor whose model this is, told by its name. */
export function vendorOf(model: string): Vendor | undefined {
  return Object.values(vendors).find((vendor) => vendor.owns.test(model));
}

export function serverKey(vendor: Vendor, config: Pick<GatewayConfig, Vendor['variable']>): string | undefined {
  return config[vendor.variable];
}
