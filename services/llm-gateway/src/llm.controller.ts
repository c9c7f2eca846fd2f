import { llm, type InputOf } from '@deskhand/contracts';
import { Serves } from '@deskhand/platform';
import { Controller, Inject } from '@nestjs/common';
import { GatewayService } from './gateway.service.ts';
import { issueRunToken } from './keys/run-token.ts';
import { Secrets } from './keys/secrets.ts';
import { findVendor } from './providers/catalogue.ts';
import { ProvidersService } from './providers/providers.service.ts';
import { RoutesService } from './providers/routes.service.ts';
import { PriceTable } from './usage/price-table.ts';

/** What other services ask of the model gateway. */
@Controller()
export class LlmController {
  constructor(
    @Inject(GatewayService) private readonly gateway: GatewayService,
    @Inject(ProvidersService) private readonly providers: ProvidersService,
    @Inject(RoutesService) private readonly routes: RoutesService,
    @Inject(Secrets) private readonly secrets: Secrets,
    @Inject(PriceTable) private readonly prices: PriceTable,
  ) {}

  @Serves(llm.resolve)
  async resolve(input: InputOf<typeof llm.resolve>) {
    const route = await this.routes.choose(input.user_id, input.provider, input.model_name);
    const vendor = findVendor(route.provider);
    const scripted = route.source === 'builtin';
    return {
      wire: vendor && !scripted ? vendor.wire : ('openai-chat' as const),
      base_url: this.gateway.baseUrl(),
      token: issueRunToken(this.secrets.runTokenKey, { userId: input.user_id, conversationId: input.conversation_id, runId: input.run_id, route }),
      model: scripted ? `${route.provider}/${route.model}` : route.model,
      label: this.routes.label(route),
      scripted,
      context_window: scripted ? null : await this.prices.contextWindow(route.provider, route.model),
    };
  }

  @Serves(llm.models)
  async models(input: InputOf<typeof llm.models>) {
    return this.routes.models(input.user_id);
  }

  @Serves(llm.providers)
  async listProviders(input: InputOf<typeof llm.providers>) {
    return this.providers.list(input.user_id);
  }

  @Serves(llm.sealingKey)
  async sealingKey() {
    return { public_key: this.secrets.sealingPublicKey };
  }

  @Serves(llm.saveProvider)
  async saveProvider(input: InputOf<typeof llm.saveProvider>) {
    return this.providers.save(input.user_id, input.provider, { sealedKey: input.sealed_api_key, endpointUrl: input.endpoint_url, modelName: input.model_name, isDefault: input.is_default });
  }

  @Serves(llm.removeProvider)
  async removeProvider(input: InputOf<typeof llm.removeProvider>) {
    await this.providers.remove(input.user_id, input.provider);
    return {};
  }

  @Serves(llm.testProvider)
  async testProvider(input: InputOf<typeof llm.testProvider>) {
    return this.providers.test(input.user_id, input.provider);
  }
}
