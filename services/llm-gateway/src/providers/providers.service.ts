import { DeclaredError, type ProviderName, type ProviderView } from '@deskhand/contracts';
import { AddressPolicy, parseEndpointUrl } from '@deskhand/platform/outgoing';
import { Inject, Injectable } from '@nestjs/common';
import type { ProviderRow } from '../database/entities.ts';
import { Secrets } from '../keys/secrets.ts';
import { ProviderProbe } from './provider-probe.ts';
import { findVendor } from './catalogue.ts';
import { chooseRoute } from './model-choice.ts';
import { ProvidersRepository, type ProviderChanges } from './providers.repository.ts';
import { RoutesService } from './routes.service.ts';

export interface SavedProvider {
  sealedKey?: string;
  endpointUrl?: string | null;
  modelName?: string | null;
  isDefault?: boolean;
}

/** Users' own providers. Keys come in sealed, are stored encrypted and never leave. */
@Injectable()
export class ProvidersService {
  constructor(
    @Inject(ProvidersRepository) private readonly repository: ProvidersRepository,
    @Inject(Secrets) private readonly secrets: Secrets,
    @Inject(AddressPolicy) private readonly policy: AddressPolicy,
    @Inject(RoutesService) private readonly routes: RoutesService,
    @Inject(ProviderProbe) private readonly probe: ProviderProbe,
  ) {}

  async list(userId: string): Promise<ProviderView[]> {
    return (await this.repository.list(userId)).map(viewOf);
  }

  async save(userId: string, provider: ProviderName, wanted: SavedProvider): Promise<ProviderView> {
    const changes: ProviderChanges = { isDefault: wanted.isDefault };
    if (wanted.sealedKey !== undefined) changes.encryptedKey = this.secrets.encryptKey(userId, provider, this.secrets.unseal(wanted.sealedKey));
    if (wanted.endpointUrl !== undefined) changes.endpointUrl = this.endpoint(wanted.endpointUrl);
    if (wanted.modelName !== undefined) changes.modelName = wanted.modelName?.trim() || null;
    const row = await this.repository.save(userId, provider, changes);
    if (!row) throw new DeclaredError('BAD_INPUT', `An API key is needed to add ${findVendor(provider)?.label ?? provider}.`);
    this.routes.forget(userId, provider);
    return viewOf(row);
  }

  async remove(userId: string, provider: ProviderName): Promise<void> {
    const removed = await this.repository.remove(userId, provider);
    this.routes.forget(userId, provider);
    if (!removed) throw notConfigured(provider);
  }

  /** One small real call with the stored key. */
  async test(userId: string, provider: ProviderName): Promise<{ ok: boolean; message: string; duration_ms: number }> {
    const row = await this.repository.find(userId, provider);
    if (!row) throw notConfigured(provider);
    let model: string;
    try {
      ({ model } = chooseRoute({ own: [row], shared: [] }, provider, null));
    } catch (error) {
      if (error instanceof DeclaredError) return { ok: false, message: error.message, duration_ms: 0 };
      throw error;
    }
    this.routes.forget(userId, provider);
    const route = { source: 'user', provider, model } as const;
    const way = await this.routes.way(userId, route);
    if (!way) throw notConfigured(provider);
    return this.probe.ask(way.upstream(model), null, { run: { userId, conversationId: null, runId: null }, route, officialPrices: way.official });
  }

  private endpoint(url: string | null): string | null {
    const text = url?.trim() ?? '';
    return text === '' ? null : parseEndpointUrl(text, this.policy).href.replace(/\/$/, '');
  }
}

const notConfigured = (provider: string): DeclaredError => new DeclaredError('NOT_FOUND', `${findVendor(provider)?.label ?? provider} is not configured.`);

function viewOf(row: ProviderRow): ProviderView {
  return { id: row.id, provider: row.provider as ProviderName, endpoint_url: row.endpointUrl ?? null, model_name: row.modelName ?? null, is_default: row.isDefault, has_api_key: true };
}
