import { Controller } from '@nestjs/common';
import { api, DeclaredError, llm, providerName, type AnswerOf, type ProviderName } from '@deskhand/contracts';
import { Bus, seal } from '@deskhand/platform';
import { Ask, Handles, type Asked } from '../http/handles.ts';

@Controller()
export class ProvidersController {
  constructor(private readonly bus: Bus) {}

  @Handles(api.providers)
  async providers(@Ask() { caller }: Asked<typeof api.providers>): Promise<AnswerOf<typeof api.providers>> {
    return this.bus.request(llm.providers, { user_id: caller.userId });
  }

  /** The key leaves this process only sealed to the model gateway, so that the bus never carries it readable. */
  @Handles(api.saveProvider)
  async saveProvider(@Ask() { caller, body: { api_key, ...provider } }: Asked<typeof api.saveProvider>): Promise<AnswerOf<typeof api.saveProvider>> {
    const sealed = api_key === undefined ? {} : { sealed_api_key: seal((await this.bus.request(llm.sealingKey, {})).public_key, api_key) };
    return this.bus.request(llm.saveProvider, { ...provider, ...sealed, user_id: caller.userId });
  }

  @Handles(api.removeProvider)
  async removeProvider(@Ask() { caller, params }: Asked<typeof api.removeProvider>): Promise<void> {
    await this.bus.request(llm.removeProvider, { user_id: caller.userId, provider: providerOf(params) });
  }

  @Handles(api.testProvider)
  async testProvider(@Ask() { caller, params }: Asked<typeof api.testProvider>): Promise<AnswerOf<typeof api.testProvider>> {
    return this.bus.request(llm.testProvider, { user_id: caller.userId, provider: providerOf(params) });
  }

  @Handles(api.models)
  async models(@Ask() { caller }: Asked<typeof api.models>): Promise<AnswerOf<typeof api.models>> {
    return this.bus.request(llm.models, { user_id: caller.userId });
  }
}

function providerOf(params: Readonly<Record<string, string>>): ProviderName {
  const provider = providerName.safeParse(params.provider);
  if (!provider.success) throw new DeclaredError('NOT_FOUND', 'Not found');
  return provider.data;
}
