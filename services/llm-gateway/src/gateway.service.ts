import { cachedAnswers, DeclaredError, keptItems } from '@deskhand/contracts';
import { Bus, Health, Lifecycle, Log } from '@deskhand/platform';
import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { BudgetLedger } from './budgets/budget-ledger.ts';
import { BudgetsRepository } from './budgets/budgets.repository.ts';
import { AnswersInMemory, SharedAnswers } from './cache/answer-stores.ts';
import { KeptItems } from './cache/kept-items.ts';
import type { CacheSettings } from './cache/cache-settings.ts';
import { ResponseCache } from './cache/response-cache.ts';
import type { PassThroughEntry } from './configuration/gateway-file.ts';
import { GatewayFileService } from './configuration/gateway-file.service.ts';
import { GatewaySettings } from './gateway-config.ts';
import { CacheRoutes } from './http/cache-routes.ts';
import { EmbeddingCalls } from './http/embedding-calls.ts';
import { BodyReader } from './http/body-reader.ts';
import { GatewayServer } from './http/gateway-server.ts';
import { KeyRoutes } from './http/key-routes.ts';
import { MemoryRoom } from './http/memory-room.ts';
import { ModelCalls } from './http/model-calls.ts';
import { ModelList } from './http/model-list.ts';
import { ModelRoutes } from './http/model-routes.ts';
import { OperationRoutes } from './http/operation-routes.ts';
import { SpendRoutes } from './http/spend-routes.ts';
import { TokenCounts } from './http/token-counts.ts';
import { CallLimits } from './keys/call-limits.ts';
import { Callers } from './keys/callers.ts';
import { KeyCache } from './keys/key-cache.ts';
import { KeyCalls } from './keys/key-calls.ts';
import { KeysRepository } from './keys/keys.repository.ts';
import { Secrets } from './keys/secrets.ts';
import { InstancesService } from './limits/instances.service.ts';
import { LimitLedger } from './limits/limit-ledger.ts';
import { ModelViews } from './models/model-views.ts';
import { ModelsService } from './models/models.service.ts';
import { OutgoingHttp } from './outgoing/outgoing-http.ts';
import { PassThroughCalls } from './pass-through/pass-through-calls.ts';
import { PassThroughEndpoints } from './pass-through/pass-through-endpoints.ts';
import { RoutesService } from './providers/routes.service.ts';
import { Metrics } from './usage/metrics.ts';
import { PriceTable } from './usage/price-table.ts';
import { UsageCalls } from './usage/usage-calls.ts';
import { UsageRecorder } from './usage/usage-recorder.ts';
import { UsageReports } from './usage/usage-reports.ts';

/** How long a drain waits for calls at work; the agent asks again what was cut. */
const drainMs = 8_000;
/** How long money that is leased and not needed stays here. */
const idleMoneyMs = 5_000;

/** Brings the HTTP side up with the service and down with it. */
@Injectable()
export class GatewayService implements OnApplicationBootstrap {
  private readonly server: GatewayServer;
  private port: number | null = null;
  private sweeper: NodeJS.Timeout | undefined;

  constructor(
    @Inject(GatewaySettings) private readonly settings: GatewaySettings,
    @Inject(Secrets) secrets: Secrets,
    @Inject(RoutesService) routes: RoutesService,
    @Inject(OutgoingHttp) private readonly outgoing: OutgoingHttp,
    @Inject(UsageRecorder) private readonly recorder: UsageRecorder,
    @Inject(Metrics) metrics: Metrics,
    @Inject(PriceTable) prices: PriceTable,
    @Inject(GatewayFileService) file: GatewayFileService,
    @Inject(KeysRepository) keys: KeysRepository,
    @Inject(KeyCache) cache: KeyCache,
    @Inject(BudgetLedger) private readonly ledger: BudgetLedger,
    @Inject(BudgetsRepository) private readonly budgets: BudgetsRepository,
    @Inject(LimitLedger) sharedLimits: LimitLedger,
    @Inject(InstancesService) private readonly others: InstancesService,
    @Inject(ModelsService) private readonly models: ModelsService,
    @Inject(ModelViews) views: ModelViews,
    @Inject(UsageReports) reports: UsageReports,
    @Inject(UsageCalls) usageCalls: UsageCalls,
    @Inject(Bus) bus: Bus,
    @Inject(Health) health: Health,
    @Inject(Lifecycle) lifecycle: Lifecycle,
    @Inject(Log) log: Log,
  ) {
    const { values } = settings;
    const callers = new Callers(secrets.runTokenKey, cache, [values.LITELLM_MASTER_KEY, file.file.masterKey], file.file.keyHeader);
    const keyCalls = new KeyCalls(ledger, new CallLimits(sharedLimits), prices, routes);
    const room = new MemoryRoom(values.MAXIMUM_KEPT_BYTES);
    const limits = { timeouts: outgoing.timeouts, slowClientMs: values.SLOW_CLIENT_TIMEOUT_MS, answerBytes: 32 * 1024 * 1024, streamBytes: 512 * 1024 * 1024, room };
    const bodyBytes = Math.min(values.MAXIMUM_BODY_BYTES, file.file.maximumBodyBytes ?? Infinity);
    const bodies = new BodyReader(bodyBytes, room);
    const kept = responseCache(file.file.cache, bus, log);
    const calls = new ModelCalls({ callers, keyCalls, keys: cache, routes, outgoing, recorder, metrics, cache: kept, items: new KeptItems(bus.values(keptItems), log), alwaysUsage: file.file.alwaysUsage, bodies, limits });
    const embeddings = new EmbeddingCalls({ callers, keyCalls, keys: cache, routes, outgoing, recorder, metrics, cache: kept, bodies, limits });
    const counts = new TokenCounts({ callers, keyCalls, routes, outgoing, bodies });
    const passThrough = new PassThroughCalls({ endpoints: passedEndpoints(file.file.passThrough, values.HTTP_HOST, log), callers, keyCalls, outgoing, recorder, metrics, limits: { ...limits, bodyBytes } });
    const keyRoutes = new KeyRoutes({ keys, rules: file.file.keyRules, callers, cache, ledger });
    const cacheRoutes = new CacheRoutes(callers, kept);
    const operationRoutes = new OperationRoutes({ callers, views, inspect: async () => health.inspect(), webUrl: values.WEB_URL });
    const modelRoutes = new ModelRoutes({ models, views, callers });
    const spendRoutes = new SpendRoutes({ callers, keys, budgets, reports, calls: usageCalls });
    const ready = async (): Promise<boolean> => !lifecycle.draining && Object.values(await health.inspect()).every((part) => part.ready);
    this.server = new GatewayServer({ calls, counts, embeddings, callers, keyRoutes, cacheRoutes, modelRoutes, operationRoutes, spendRoutes, passThrough, models: new ModelList(callers, routes), metrics, log, cacheType: file.file.cache && (file.file.cache.shared ? 'shared' : 'local'), ready });
    health.add('http', async () => { if (this.port === null) throw new Error('The model gateway does not listen yet'); });
    lifecycle.onDrain(10, async () => this.server.close(drainMs));
    lifecycle.onDrain(20, async () => this.leave());
  }

  async onApplicationBootstrap(): Promise<void> {
    const { HTTP_HOST, HTTP_PORT } = this.settings.values;
    await this.recorder.recover();
    // Only now: what the process before this one spent is known.
    await this.budgets.release();
    await this.models.start();
    this.sweeper = setInterval(() => void this.ledger.giveBackIdle().catch(() => undefined), idleMoneyMs).unref();
    await this.others.join();
    this.port = await this.server.listen(HTTP_HOST, HTTP_PORT);
  }

  /** Nothing is at work any more. */
  private async leave(): Promise<void> {
    clearInterval(this.sweeper);
    // Money that was leased here is nobody's for ever where no other instance comes in this one's place.
    if (await this.recorder.close()) await this.budgets.release();
    await this.outgoing.close();
    await this.others.leave();
  }

  /** Where other services reach the HTTP API. Clients of both formats put their own paths behind it. */
  baseUrl(): string {
    const { BASE_URL, HTTP_HOST } = this.settings.values;
    if (BASE_URL !== undefined) return BASE_URL.replace(/\/+$/, '');
    if (this.port === null) throw new DeclaredError('UNAVAILABLE', 'The model gateway is starting.');
    const host = HTTP_HOST === '0.0.0.0' ? '127.0.0.1' : HTTP_HOST === '::' ? '::1' : HTTP_HOST;
    return `http://${host.includes(':') ? `[${host}]` : host}:${this.port}`;
  }
}

function passedEndpoints(entries: readonly PassThroughEntry[], host: string, log: Log): PassThroughEndpoints {
  const endpoints = new PassThroughEndpoints(entries, host);
  for (const note of endpoints.notes) log.warn(`LITELLM_CONFIG, ${note}`);
  return endpoints;
}

/** What a process keeps at most of answers that are its own. */
const answersInMemory = 64 * 1024 * 1024;

function responseCache(settings: CacheSettings | null, bus: Bus, log: Log): ResponseCache | null {
  return settings && new ResponseCache(settings, settings.shared ? new SharedAnswers(bus.values(cachedAnswers), log) : new AnswersInMemory(answersInMemory));
}
