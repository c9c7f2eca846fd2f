import type { ProviderName, WireFormat } from '@deskhand/contracts';
import type { GatewayConfig } from '../gateway-config.ts';
import type { Upstream } from './route.ts';

/** A vendor: where it is, which format it speaks, how its models are named. */
export interface Vendor {
  name: ProviderName;
  label: string;
  wire: WireFormat;
  baseUrl: string;
  /** The environment variable with the server-wide key. */
  variable: 'OPENAI_API_KEY' | 'ANTHROPIC_API_KEY' | 'GEMINI_API_KEY' | 'MISTRAL_API_KEY';
  /** Current models, the one to begin with first. */
  models: readonly string[];
  /** Names that are this vendor's even without its name before them. */
  owns: RegExp;
}

export const vendors: Record<ProviderName, Vendor> = {
  openai: {
    name: 'openai', label: 'OpenAI', wire: 'openai-chat', baseUrl: 'https://api.openai.com/v1', variable: 'OPENAI_API_KEY',
    models: ['gpt-5.5', 'gpt-5.4', 'gpt-5.4-mini', 'gpt-5.4-nano'], owns: /^(gpt-|chatgpt-|o\d)/,
  },
  anthropic: {
    name: 'anthropic', label: 'Anthropic', wire: 'anthropic-messages', baseUrl: 'https://api.anthropic.com', variable: 'ANTHROPIC_API_KEY',
    models: ['claude-sonnet-5', 'claude-opus-5-5', 'claude-haiku-4-5'], owns: /^claude-/,
  },
  google: {
    name: 'google', label: 'Google Gemini', wire: 'openai-chat', baseUrl: 'https://generativelanguage.googleapis.com/v1beta/openai', variable: 'GEMINI_API_KEY',
    models: ['gemini-3.8-flash', 'gemini-3.1-pro-preview', 'gemini-2.5-pro'], owns: /^gemini-/,
  },
  mistral: {
    name: 'mistral', label: 'Mistral', wire: 'openai-chat', baseUrl: 'https://api.mistral.ai/v1', variable: 'MISTRAL_API_KEY',
    models: ['mistral-medium-latest', 'mistral-large-latest', 'mistral-small-latest', 'codestral-latest'], owns: /^(mistral|ministral|codestral|devstral|magistral|pixtral)-/,
  },
};

const aliases: Record<string, ProviderName> = { gemini: 'google' };

export function findVendor(name: string): Vendor | undefined {
  const known = aliases[name] ?? name;
  return Object.hasOwn(vendors, known) ? vendors[known as ProviderName] : undefined;
}

/** The vendor whose model this is, told by its name. */
export function vendorOf(model: string): Vendor | undefined {
  return Object.values(vendors).find((vendor) => vendor.owns.test(model));
}

/**
 * A vendor's chat endpoint under a base URL. OpenAI format: a bare origin gets `/v1`, any other path is taken as the API's
 * root. Anthropic: the root is with or without `/v1`. The endpoint's own path pasted whole is taken too.
 */
export function upstreamAt(vendor: Vendor, endpoint: string | null, key: string): Upstream {
  const baseUrl = endpoint ?? vendor.baseUrl;
  const url = new URL(baseUrl);
  const anthropic = vendor.wire === 'anthropic-messages';
  const root = url.pathname.replace(/\/+$/, '').replace(anthropic ? /\/messages$/ : /\/chat\/completions$/, '');
  const version = anthropic ? !root.endsWith('/v1') : root === '';
  const path = `${root}${version ? '/v1' : ''}${anthropic ? '/messages' : '/chat/completions'}`;
  return { provider: vendor.name, wire: vendor.wire, origin: url.origin, path, key, official: endpoint === null, mistral: vendor.name === 'mistral' || url.hostname === 'api.mistral.ai', baseUrl };
}

/** How the provider wants to be called with our key; never with anything of the caller's. */
export function credentialHeaders(upstream: Pick<Upstream, 'wire' | 'key'>): Record<string, string> {
  return upstream.wire === 'anthropic-messages' ? { 'x-api-key': upstream.key } : { authorization: `Bearer ${upstream.key}` };
}

export function serverKey(vendor: Vendor, config: Pick<GatewayConfig, Vendor['variable']>): string | undefined {
  return config[vendor.variable];
}
