import { Controller } from '@nestjs/common';
import { api, DeclaredError, isSecretParameter, llm, llmModels, type AnswerOf, type BodyOf } from '@deskhand/contracts';
import { Bus, seal } from '@deskhand/platform';
import { Ask, Handles, type Asked } from '../http/handles.ts';

type Parameters = NonNullable<BodyOf<typeof api.changeModel>['litellm_params']>;

/** The model gateway's own models, for administrators. */
@Controller()
export class GatewayModelsController {
  constructor(private readonly bus: Bus) {}

  @Handles(api.configuredModels)
  async list(): Promise<AnswerOf<typeof api.configuredModels>> {
    return this.bus.request(llmModels.list, {});
  }

  @Handles(api.addModel)
  async add(@Ask() { body }: Asked<typeof api.addModel>): Promise<AnswerOf<typeof api.addModel>> {
    return this.bus.request(llmModels.add, { ...body, ...(await this.sealed(body.litellm_params)) });
  }

  @Handles(api.changeModel)
  async change(@Ask() { params, body }: Asked<typeof api.changeModel>): Promise<AnswerOf<typeof api.changeModel>> {
    return this.bus.request(llmModels.change, { id: params.id!, ...body, ...(body.litellm_params && (await this.sealed(body.litellm_params))) });
  }

  @Handles(api.removeModel)
  async remove(@Ask() { params }: Asked<typeof api.removeModel>): Promise<void> {
    await this.bus.request(llmModels.remove, { id: params.id! });
  }

  @Handles(api.testModel)
  async test(@Ask() { body }: Asked<typeof api.testModel>): Promise<AnswerOf<typeof api.testModel>> {
    return this.bus.request(llmModels.test, body);
  }

  /** Secrets leave this process only sealed to the model gateway, so that the bus never carries them readable. */
  private async sealed(parameters: Parameters): Promise<{ litellm_params: Parameters; sealed_secrets?: string }> {
    const entries = Object.entries(parameters);
    const secrets = entries.filter(([name]) => isSecretParameter(name));
    const litellm_params = Object.fromEntries(entries.filter(([name]) => !isSecretParameter(name)));
    if (secrets.length === 0) return { litellm_params };
    const text = JSON.stringify(Object.fromEntries(secrets));
    if (text.length > 100_000) throw new DeclaredError('BAD_INPUT', 'The keys are too long.');
    return { litellm_params, sealed_secrets: seal((await this.bus.request(llm.sealingKey, {})).public_key, text) };
  }
}
