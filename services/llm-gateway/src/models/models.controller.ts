import { DeclaredError, llmModels, type ConfiguredModel, type InputOf } from '@deskhand/contracts';
import { Serves } from '@deskhand/platform';
import { Controller, Inject } from '@nestjs/common';
import { Secrets } from '../keys/secrets.ts';
import { ProviderProbe } from '../providers/provider-probe.ts';
import { Router } from '../routing/router.ts';
import { providerNames } from '../upstreams/providers.ts';
import { isRecord } from '../wire/token-usage.ts';
import { ModelViews } from './model-views.ts';
import { ModelsService, type ModelChange } from './models.service.ts';

type Change = Pick<InputOf<typeof llmModels.change>, 'model_name' | 'litellm_params' | 'model_info' | 'sealed_secrets'>;

/** The gateway's own models, for the web app's administrators. */
@Controller()
export class ModelsController {
  constructor(
    @Inject(ModelsService) private readonly models: ModelsService,
    @Inject(ModelViews) private readonly views: ModelViews,
    @Inject(Router) private readonly router: Router,
    @Inject(ProviderProbe) private readonly probe: ProviderProbe,
    @Inject(Secrets) private readonly secrets: Secrets,
  ) {}

  @Serves(llmModels.list)
  async list() {
    return { models: await this.views.list(), providers: [...providerNames] };
  }

  @Serves(llmModels.add)
  async add(input: InputOf<typeof llmModels.add>): Promise<ConfiguredModel> {
    return this.views.ofAdded(await this.models.add(this.changeOf(input)));
  }

  @Serves(llmModels.change)
  async change({ id, ...input }: InputOf<typeof llmModels.change>): Promise<ConfiguredModel> {
    return this.views.ofAdded(await this.models.change(id, this.changeOf(input)));
  }

  @Serves(llmModels.remove)
  async remove({ id }: InputOf<typeof llmModels.remove>) {
    await this.models.remove(id);
    return {};
  }

  @Serves(llmModels.test)
  async test({ id }: InputOf<typeof llmModels.test>) {
    await this.models.refresh();
    const deployment = this.router.deployments.find(({ entry }) => entry.id === id);
    if (deployment === undefined) {
      const broken = this.models.added.find(({ row }) => row.id === id);
      if (broken === undefined) throw new DeclaredError('NOT_FOUND', 'There is no such model.');
      return { ok: false, message: broken.problem ?? 'It cannot be used.', duration_ms: 0 };
    }
    const { entry } = deployment;
    const name = entry.group.includes('*') ? entry.info.health_check_model : entry.group;
    if (typeof name !== 'string') return { ok: false, message: 'This entry stands for many models. Name one of them in model_info.health_check_model to test it.', duration_ms: 0 };
    const upstream = deployment.upstream(name);
    const { prices, baseModel } = entry;
    const result = await this.probe.ask(upstream, entry.mode, { run: null, route: { source: 'group', provider: upstream.provider, model: upstream.model }, group: name, prices, baseModel, officialPrices: false });
    if (result.ok) deployment.answered();
    else deployment.noteFailure(result.message);
    return result;
  }

  private changeOf({ model_name, litellm_params, model_info, sealed_secrets }: Change): ModelChange {
    const secrets: unknown = sealed_secrets === undefined ? {} : JSON.parse(this.secrets.unsealText(sealed_secrets));
    if (!isRecord(secrets)) throw new DeclaredError('BAD_INPUT', 'The keys did not arrive intact; enter them again.');
    return { ...(model_name !== undefined && { group: model_name }), parameters: { ...litellm_params, ...secrets }, info: model_info ?? {} };
  }
}
