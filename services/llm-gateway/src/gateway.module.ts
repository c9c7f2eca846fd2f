import { join } from 'node:path';
import { DeclaredError } from '@deskhand/contracts';
import { ConfigurationError, Log } from '@deskhand/platform';
import { AddressPolicy } from '@deskhand/platform/outgoing';
import { Module, type DynamicModule } from '@nestjs/common';
import { BudgetLedger } from './budgets/budget-ledger.ts';
import { BudgetsController } from './budgets/budgets.controller.ts';
import { BudgetsRepository } from './budgets/budgets.repository.ts';
import { GatewayFileService } from './configuration/gateway-file.service.ts';
import type { UsageRow } from './database/entities.ts';
import { GatewaySettings, type GatewayConfig } from './gateway-config.ts';
import { GatewayService } from './gateway.service.ts';
import { KeyCache } from './keys/key-cache.ts';
import { KeysController } from './keys/keys.controller.ts';
import { KeysRepository } from './keys/keys.repository.ts';
import { Secrets } from './keys/secrets.ts';
import { Instances } from './limits/instances.ts';
import { InstancesService } from './limits/instances.service.ts';
import { LimitLedger } from './limits/limit-ledger.ts';
import { LimitsRepository } from './limits/limits.repository.ts';
import { LlmController } from './llm.controller.ts';
import { ModelViews } from './models/model-views.ts';
import { ModelsController } from './models/models.controller.ts';
import { ModelsRepository } from './models/models.repository.ts';
import { ModelsService } from './models/models.service.ts';
import { OutgoingHttp } from './outgoing/outgoing-http.ts';
import { ProviderProbe } from './providers/provider-probe.ts';
import { ProvidersRepository } from './providers/providers.repository.ts';
import { ProvidersService } from './providers/providers.service.ts';
import { RoutesService } from './providers/routes.service.ts';
import { Router } from './routing/router.ts';
import { Metrics } from './usage/metrics.ts';
import { PriceTable } from './usage/price-table.ts';
import { UsageCalls } from './usage/usage-calls.ts';
import { UsageController } from './usage/usage.controller.ts';
import { UsageJournal } from './usage/usage-journal.ts';
import { UsageRecorder } from './usage/usage-recorder.ts';
import { UsageReports } from './usage/usage-reports.ts';
import { UsageRepository } from './usage/usage.repository.ts';

const fromSettings = <Part>(part: abstract new (...values: never[]) => Part, make: (values: GatewayConfig) => Part) => ({ provide: part, inject: [GatewaySettings], useFactory: (settings: GatewaySettings) => make(settings.values) });

@Module({})
export class GatewayModule {
  /** `read` gives the configuration when the module starts. */
  static with(read: () => GatewayConfig): DynamicModule {
    return {
      module: GatewayModule,
      controllers: [LlmController, ModelsController, KeysController, UsageController, BudgetsController],
      providers: [
        { provide: GatewaySettings, useFactory: () => new GatewaySettings(read()) },
        fromSettings(Secrets, (values) => new Secrets(values.MASTER_KEY)),
        fromSettings(AddressPolicy, (values) => new AddressPolicy(values.ALLOWED_PRIVATE_HOSTS)),
        { provide: OutgoingHttp, inject: [GatewaySettings, AddressPolicy], useFactory: makeOutgoing },
        { provide: GatewayFileService, inject: [GatewaySettings, Log], useFactory: (settings: GatewaySettings, log: Log) => new GatewayFileService(settings.values.LITELLM_CONFIG, process.env, log) },
        { provide: Router, inject: [GatewayFileService, OutgoingHttp, LimitLedger, PriceTable], useFactory: makeRouter },
        { provide: LimitLedger, inject: [LimitsRepository, Instances, Log], useFactory: (leases: LimitsRepository, peers: Instances, log: Log) => new LimitLedger({ leases, peers, failed: (error) => log.warn('A share of a limit could not be leased', { error }) }) },
        { provide: KeyCache, inject: [KeysRepository, Instances], useFactory: (keys: KeysRepository, instances: Instances) => new KeyCache(keys, () => instances.keysChanged()) },
        { provide: BudgetLedger, inject: [BudgetsRepository], useFactory: (budgets: BudgetsRepository) => new BudgetLedger(budgets) },
        { provide: PriceTable, useFactory: () => new PriceTable() },
        { provide: Metrics, useFactory: () => new Metrics() },
        { provide: UsageRecorder, inject: [GatewaySettings, UsageRepository, Metrics, PriceTable, Log], useFactory: makeRecorder },
        ProvidersRepository, ProviderProbe, RoutesService, ProvidersService, UsageRepository, UsageReports, UsageCalls, BudgetsRepository, KeysRepository, LimitsRepository, Instances, InstancesService, ModelsRepository, ModelsService, ModelViews, GatewayService,
      ],
    };
  }
}

function makeOutgoing({ values }: GatewaySettings, policy: AddressPolicy): OutgoingHttp {
  return new OutgoingHttp(policy, { connectMs: values.CONNECT_TIMEOUT_MS, firstByteMs: values.FIRST_BYTE_TIMEOUT_MS, idleMs: values.IDLE_TIMEOUT_MS });
}

function makeRecorder({ values }: GatewaySettings, usage: UsageRepository, metrics: Metrics, prices: PriceTable, log: Log): UsageRecorder {
  const journal = new UsageJournal(values.DATA_DIR === undefined ? null : join(values.DATA_DIR, 'usage'), (error) => log.error('The journal of usage cannot be written at the moment; what it lacks is tried again', { error }));
  const store = async (rows: readonly UsageRow[], mayBeThere: boolean): Promise<void> => {
    await usage.store(rows, mayBeThere);
    metrics.stored(rows);
  };
  return new UsageRecorder(store, prices, journal, log);
}

function makeRouter({ file }: GatewayFileService, outgoing: OutgoingHttp, limits: LimitLedger, prices: PriceTable): Router {
  try {
    const router = new Router(file, { outgoing, environment: process.env }, limits);
    router.useWindows(async ({ sample, entry }) => (sample === null ? null : prices.contextWindowAt(sample.baseUrl, sample.provider, entry.baseModel ?? sample.model)));
    return router;
  } catch (error) {
    // What a deployment lacks is a matter of the configuration; the words name the model.
    throw error instanceof DeclaredError ? new ConfigurationError(`The model gateway's configuration (LITELLM_CONFIG) is not usable: ${error.message}`) : error;
  }
}
