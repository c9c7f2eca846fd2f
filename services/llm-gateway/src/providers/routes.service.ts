import { DeclaredError, type ModelView } from '@deskhand/contracts';
import { Inject, Injectable } from '@nestjs/common';
import { GatewaySettings } from '../gateway-config.ts';
import { Secrets } from '../keys/secrets.ts';
import { builtInModels } from '../scripted/built-in-models.ts';
import { findVendor, serverKey, vendors, type Vendor } from './catalogue.ts';
import { chooseRoute, defaultRoute, type Choices } from './model-choice.ts';
import { OutgoingHttp } from '../outgoing/outgoing-http.ts';
import { Router } from '../routing/router.ts';
import { ProvidersRepository } from './providers.repository.ts';
import { ProviderWay } from './provider-way.ts';
import { routeId, type RouteName } from './route.ts';

/** How long another instance may go on with a key that was changed here. */
const rememberedMs = 2_000;
const rememberedAtMost = 1_000;

interface Remembered {
  way: ProviderWay;
  until: number;
}

/** As deployments name them: what people choose from where a wildcard would have anything. */
const currentModels: readonly string[] = Object.values(vendors).flatMap((vendor) => vendor.models.map((model) => `${vendor.provider}/${model}`));

const groupRoute = (model: string): RouteName => ({ source: 'group', provider: '', model });

/** Which models there are for whom, and the way to them. */
@Injectable()
export class RoutesService {
  /** Of vendors with a server-wide key. */
  private readonly ownWays: ReadonlyMap<Vendor, ProviderWay>;
  private readonly shared: readonly Vendor[];
  private readonly remembered = new Map<string, Remembered>();

  constructor(
    @Inject(ProvidersRepository) private readonly providers: ProvidersRepository,
    @Inject(Secrets) private readonly secrets: Secrets,
    @Inject(GatewaySettings) settings: GatewaySettings,
    @Inject(Router) readonly router: Router,
    @Inject(OutgoingHttp) private readonly outgoing: OutgoingHttp,
  ) {
    this.ownWays = new Map(Object.values(vendors).flatMap((vendor) => {
      const key = serverKey(vendor, settings.values);
      return key === undefined ? [] : [[vendor, new ProviderWay(vendor, null, key, outgoing)]];
    }));
    this.shared = [...this.ownWays.keys()];
  }

  /** `userId` null: the master key, which has the built-in models and the server-wide providers. Throws `NOT_FOUND`. */
  async choose(userId: string | null, provider: string | null, model: string | null): Promise<RouteName> {
    // The operator's own names come first: that is what a configuration is for.
    const group = this.groupOf(provider, model);
    if (group !== null) return groupRoute(group);
    return chooseRoute(await this.choices(userId), provider, model);
  }

  /** The way to a configured model of that name, without asking anybody; null when there is none. */
  configured(model: string): RouteName | null {
    return this.router.has(model) ? groupRoute(model) : null;
  }

  async models(userId: string | null): Promise<{ models: ModelView[]; default_model: string }> {
    const choices = await this.choices(userId);
    const models: ModelView[] = builtInModels.map((model) => ({ id: `${model.provider}/${model.name}`, provider: model.provider, label: model.label, scripted: true }));
    const add = (vendor: Vendor, names: readonly string[]): void => {
      for (const name of new Set(names)) models.push({ id: `${vendor.name}/${name}`, provider: vendor.name, label: `${vendor.label}: ${name}`, scripted: false });
    };
    for (const row of choices.own) {
      const vendor = findVendor(row.provider);
      if (vendor) add(vendor, [...(row.modelName == null ? [] : [row.modelName]), ...(row.endpointUrl == null ? vendor.models : [])]);
    }
    for (const vendor of choices.shared) if (!choices.own.some((row) => row.provider === vendor.name)) add(vendor, vendor.models);
    const known = new Set(models.map(({ id }) => id));
    for (const name of new Set([...this.router.models, ...this.router.namesOf(currentModels)])) if (!known.has(name)) models.push({ id: name, provider: 'configured', label: name, scripted: false });
    return { models, default_model: routeId(defaultRoute(choices)) };
  }

  /** The way to a user's or the server's provider; null when it was removed meanwhile. */
  async way(userId: string | null, route: RouteName): Promise<ProviderWay | null> {
    const vendor = findVendor(route.provider);
    if (!vendor) return null;
    if (route.source === 'server') return this.ownWays.get(vendor) ?? null;
    if (userId === null) return null;
    const name = `${userId} ${vendor.name}`;
    const known = this.remembered.get(name);
    if (known && known.until > Date.now()) return known.way;
    const row = await this.providers.find(userId, vendor.name);
    this.remembered.delete(name);
    if (!row) return null;
    const way = new ProviderWay(vendor, row.endpointUrl ?? null, this.secrets.decryptKey(userId, vendor.name, row.encryptedKey), this.outgoing);
    if (this.remembered.size >= rememberedAtMost) this.remembered.clear();
    this.remembered.set(name, { way, until: Date.now() + rememberedMs });
    return way;
  }

  /** Forgets what was read of a user's provider, because it changed. */
  forget(userId: string, provider: string): void {
    this.remembered.delete(`${userId} ${provider}`);
  }

  label(route: RouteName): string {
    if (route.source === 'group') return route.model;
    if (route.source === 'builtin') return builtInModels.find((model) => model.provider === route.provider && model.name === route.model)?.label ?? routeId(route);
    const vendor = findVendor(route.provider);
    if (!vendor) throw new DeclaredError('NOT_FOUND', `There is no provider "${route.provider}".`);
    return `${vendor.label}: ${route.model}`;
  }

  /** A configured model that these names mean; null when none is. */
  private groupOf(provider: string | null, model: string | null): string | null {
    if (model === null) return null;
    if ((provider === null || provider === 'configured') && this.router.has(model)) return model;
    const whole = `${provider}/${model}`;
    return provider !== null && this.router.has(whole) ? whole : null;
  }

  private async choices(userId: string | null): Promise<Choices> {
    return { own: userId === null ? [] : await this.providers.list(userId), shared: this.shared };
  }
}
