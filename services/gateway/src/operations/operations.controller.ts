import { Controller } from '@nestjs/common';
import { api, health, metrics, serviceNames, type AnswerOf, type MetricSample } from '@deskhand/contracts';
import { Bus } from '@deskhand/platform';
import { Ask, Handles, type Asked } from '../http/handles.ts';
import { exposition } from './exposition.ts';
import { Metrics } from './metrics.ts';

/** What monitors read. */
@Controller()
export class OperationsController {
  constructor(private readonly bus: Bus, private readonly metricsOf: Metrics) {}

  @Handles(api.health)
  health(@Ask() { reply }: Asked<typeof api.health>): string {
    reply.type('text/plain; charset=utf-8');
    return 'ok';
  }

  @Handles(api.ready)
  async ready(@Ask() { reply }: Asked<typeof api.ready>): Promise<AnswerOf<typeof api.ready>> {
    const answers = await Promise.all(serviceNames.map(async (name) => this.partsOf(name)));
    const parts = Object.assign({}, ...answers) as AnswerOf<typeof api.ready>['parts'];
    const ready = Object.values(parts).every((part) => part.ready);
    if (!ready) reply.code(503);
    return { ready, parts };
  }

  @Handles(api.metrics)
  async metrics(@Ask() { reply }: Asked<typeof api.metrics>): Promise<string> {
    reply.type(this.metricsOf.contentType);
    const services = await Promise.all(serviceNames.map(async (service) => ({ service, samples: await this.samplesOf(service) })));
    return `${await this.metricsOf.render()}${exposition(services)}`;
  }

  /** Nothing of a service that does not answer: that it is away is `/ready`'s to say. */
  private async samplesOf(name: (typeof serviceNames)[number]): Promise<MetricSample[]> {
    return this.bus.request(metrics[name], {}).then(({ samples }) => samples, () => []);
  }

  /** A service and its parts, as `auth` and `auth.database`. */
  private async partsOf(name: (typeof serviceNames)[number]): Promise<AnswerOf<typeof api.ready>['parts']> {
    try {
      const { parts } = await this.bus.request(health[name], {});
      return { [name]: { ready: true }, ...Object.fromEntries(Object.entries(parts).map(([part, state]) => [`${name}.${part}`, state])) };
    } catch (error) {
      return { [name]: { ready: false, problem: error instanceof Error ? error.message : 'It does not answer' } };
    }
  }
}
