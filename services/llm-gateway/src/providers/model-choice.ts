import { DeclaredError } from '@deskhand/contracts';
import type { ProviderRow } from '../database/entities.ts';
import { builtInModels, findBuiltIn } from '../scripted/built-in-models.ts';
import { findVendor, vendorOf, vendors, type Vendor } from './catalogue.ts';
import type { RouteName } from './route.ts';

/** What there is to choose from for one caller. */
export interface Choices {
  /** The user's providers, oldest first; none for the master key. */
  own: readonly Pick<ProviderRow, 'provider' | 'modelName' | 'endpointUrl' | 'isDefault'>[];
  /** Vendors with a server-wide key. */
  shared: readonly Vendor[];
}

const builtIn = { source: 'builtin', provider: 'scripted', model: 'demo' } as const;
const missing = (message: string): DeclaredError => new DeclaredError('NOT_FOUND', message);

/** The model of a caller who chose none: of the user's default provider, else of the oldest, else of a server-wide one, else the scripted one. */
export function defaultRoute(choices: Choices): RouteName {
  const ordered = [...choices.own].sort((one, other) => Number(other.isDefault) - Number(one.isDefault));
  for (const row of ordered) {
    const model = firstModel(row);
    if (model !== undefined) return { source: 'user', provider: row.provider, model };
  }
  const shared = choices.shared[0];
  return shared ? { source: 'server', provider: shared.name, model: shared.models[0] ?? '' } : builtIn;
}

/**
 * Finds the model that two names mean: a provider and its model, `provider/model` in one, a provider alone (its default
 * model), a model alone (known by its name, else of the default provider), or neither. `NOT_FOUND` says what to do.
 */
export function chooseRoute(choices: Choices, wantedProvider: string | null, wantedModel: string | null): RouteName {
  const { provider, model } = split(wantedProvider?.trim() || null, wantedModel?.trim() || null);
  if (provider === null) return model === null ? defaultRoute(choices) : routeOfModel(choices, model);
  if (provider === 'scripted' || provider === 'mock') return builtInRoute(provider, model);
  const vendor = findVendor(provider);
  if (!vendor) throw missing(`There is no provider "${provider}". Choose one of ${Object.keys(vendors).join(', ')}, or the built-in scripted/demo.`);
  const row = choices.own.find((own) => own.provider === vendor.name);
  if (!row && !choices.shared.includes(vendor)) throw missing(`There is no key for ${vendor.label}. Add one in Settings → Providers, or choose another model; scripted/demo needs none.`);
  const chosen = model ?? (row ? firstModel(row) : vendor.models[0]);
  if (chosen === undefined) throw missing(`No model is chosen for ${vendor.label} at ${row?.endpointUrl}. Name one in Settings → Providers.`);
  return { source: row ? 'user' : 'server', provider: vendor.name, model: chosen };
}

function split(provider: string | null, model: string | null): { provider: string | null; model: string | null } {
  const parts = /^([a-z]+)\/(.+)$/s.exec(model ?? '');
  const [, prefix = '', rest = ''] = parts ?? [];
  if (!parts || (!findVendor(prefix) && prefix !== 'scripted' && prefix !== 'mock')) return { provider, model };
  if (provider === null || provider === prefix || findVendor(provider) === findVendor(prefix)) return { provider: provider ?? prefix, model: rest };
  return { provider, model };
}

function routeOfModel(choices: Choices, model: string): RouteName {
  const named = choices.own.find((row) => row.modelName === model);
  const vendor = vendorOf(model);
  if (named) return { source: 'user', provider: named.provider, model };
  if (vendor && choices.own.some((row) => row.provider === vendor.name)) return { source: 'user', provider: vendor.name, model };
  if (vendor && choices.shared.includes(vendor)) return { source: 'server', provider: vendor.name, model };
  if (vendor) throw missing(`The model ${model} needs a key for ${vendor.label}. Add one in Settings → Providers, or choose another model; scripted/demo needs none.`);
  const own = choices.own.find((row) => row.isDefault) ?? choices.own[0];
  if (own) return { source: 'user', provider: own.provider, model };
  throw missing(`There is no model "${model}". Write it as provider/model (openai/${model}), or choose scripted/demo; GET /v1/models lists all.`);
}

function builtInRoute(provider: string, model: string | null): RouteName {
  const found = model === null ? builtInModels.find((candidate) => candidate.provider === provider) : findBuiltIn(provider, model);
  if (!found) throw missing(`There is no built-in model ${provider}/${model}. Choose one of ${builtInModels.map((known) => `${known.provider}/${known.name}`).join(', ')}.`);
  return { source: 'builtin', provider: found.provider, model: found.name };
}

/** At an endpoint of one's own nobody knows the models: the user must name one. */
function firstModel(row: Choices['own'][number]): string | undefined {
  return row.modelName ?? (row.endpointUrl == null ? findVendor(row.provider)?.models[0] : undefined);
}
