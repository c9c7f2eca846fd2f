import { Controller } from '@nestjs/common';
import { api, llmKeys, type AnswerOf } from '@deskhand/contracts';
import { Bus } from '@deskhand/platform';
import { Ask, Handles, type Asked } from '../http/handles.ts';

/** Virtual keys of the model gateway, for administrators. */
@Controller()
export class VirtualKeysController {
  constructor(private readonly bus: Bus) {}

  @Handles(api.virtualKeys)
  async list(@Ask() { query }: Asked<typeof api.virtualKeys>): Promise<AnswerOf<typeof api.virtualKeys>> {
    return this.bus.request(llmKeys.list, query);
  }

  @Handles(api.makeVirtualKey)
  async make(@Ask() { body }: Asked<typeof api.makeVirtualKey>): Promise<AnswerOf<typeof api.makeVirtualKey>> {
    return this.bus.request(llmKeys.make, body);
  }

  @Handles(api.changeVirtualKey)
  async change(@Ask() { params, body }: Asked<typeof api.changeVirtualKey>): Promise<AnswerOf<typeof api.changeVirtualKey>> {
    return this.bus.request(llmKeys.change, { ...body, id: params.id! });
  }

  @Handles(api.removeVirtualKey)
  async remove(@Ask() { params }: Asked<typeof api.removeVirtualKey>): Promise<void> {
    await this.bus.request(llmKeys.remove, { id: params.id! });
  }
}
