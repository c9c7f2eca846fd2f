import { Global, Module, type DynamicModule, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { NestLog, type Log, type ServiceDefinition } from '@deskhand/platform';
import { controllers, GatewayModule } from './gateway.module.ts';
import { DataPlane } from './desktop/data-plane.ts';
import { AccessGuard } from './http/access-guard.ts';
import { assertAllRoutesDeclared } from './http/declared-routes.ts';
import { ErrorFilter } from './http/error-filter.ts';
import { SideListeners } from './http/side-listeners.ts';
import { createAdapter } from './http/server.ts';
import { WebApp } from './http/web-app.ts';
import { GatewaySettings } from './settings.ts';
import { Metrics } from './operations/metrics.ts';
import { Upgrades } from './streams/upgrades.ts';

@Global()
@Module({})
class SettingsModule {}

/** The gateway. `settings` is read when the service is composed. */
export function gatewayService(settings: () => GatewaySettings): ServiceDefinition {
  return { name: 'gateway', module: GatewayModule, blobs: true, http: async (module, log) => compose(module, log, settings()) };
}

async function compose(module: Type | DynamicModule, log: Log, settings: GatewaySettings): Promise<{ app: NestFastifyApplication; listen: () => Promise<void> }> {
  assertAllRoutesDeclared(controllers);
  const provider = { provide: GatewaySettings, useValue: settings };
  const settled: DynamicModule = { module: SettingsModule, providers: [provider], exports: [provider] };
  class Root {}
  const adapter = createAdapter(WebApp.load(settings.webRoot));
  const app = await NestFactory.create<NestFastifyApplication>({ module: Root, imports: [settled, module] }, adapter, { logger: new NestLog(log), bodyParser: false, abortOnError: false });
  app.get(Metrics).observe(adapter.getInstance());
  app.useGlobalGuards(app.get(AccessGuard));
  app.useGlobalFilters(app.get(ErrorFilter));
  return {
    app,
    listen: async () => {
      await app.get(DataPlane).listen();
      app.get(Upgrades).attach(app.getHttpServer());
      await app.listen(settings.port, settings.host);
      await app.get(SideListeners).listen(app.getHttpServer());
    },
  };
}
