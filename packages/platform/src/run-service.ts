import { openBlobStore } from './blobs/open-blob-store.ts';
import { NatsBus } from './bus/nats-bus.ts';
import { ConfigurationError, defineConfig, serviceConfig } from './configuration.ts';
import { serveHealth } from './health-socket.ts';
import { Log } from './log.ts';
import { composeService, type ServiceDefinition } from './service.ts';

/**
 * A service process: connects, migrates, serves, tells its parent `{type: 'ready'}`, and drains when told to, on SIGTERM or
 * SIGINT, and when its parent is gone. Ends with 0 after a drain, 78 on a bad environment, 1 on any other failed start.
 */
export async function runService(definition: ServiceDefinition): Promise<void> {
  const config = defineConfig(serviceConfig);
  let log = Log.forService(definition.name, 'info');
  try {
    const { NATS_URL, NATS_NKEY_SEED, LOG_LEVEL, DATABASE_URL, HEALTH_SOCKET } = config.value;
    log = Log.forService(definition.name, LOG_LEVEL);
    const bus = await NatsBus.connect({ service: definition.name, url: NATS_URL, seed: NATS_NKEY_SEED, log });
    const service = await composeService(definition, { bus, log, databaseUrl: DATABASE_URL, blobs: await openBlobStore(config.value) });
    service.lifecycle.onDrain(99, async () => bus.close());
    service.health.add('nats', async () => bus.check());
    if (HEALTH_SOCKET !== undefined) await serveHealth(HEALTH_SOCKET, service.health);
    endOn(service.lifecycle.drain.bind(service.lifecycle), log);
    process.send?.({ type: 'ready' });
    log.info('Ready');
  } catch (error) {
    log.error(`The service could not start: ${error instanceof Error ? error.message : String(error)}`, { error });
    process.exit(error instanceof ConfigurationError ? 78 : 1);
  }
}

/** How long a drain may take before the process ends anyway. Without its supervisor nothing else answers for long either. */
const drainLimitMs = 15_000;
const orphanedLimitMs = 6_000;

function endOn(drain: () => Promise<void>, log: Log): void {
  let ending = false;
  const end = (cause: string, limitMs = drainLimitMs): void => {
    if (ending) return;
    ending = true;
    log.info(`Draining: ${cause}`);
    setTimeout(() => { log.error('The drain took too long'); process.exit(1); }, limitMs).unref();
    void drain().then(() => process.exit(0));
  };
  process.on('SIGTERM', () => end('asked to end'));
  // The terminal sends Ctrl-C to every process; the supervisor decides the order in which they end.
  process.on('SIGINT', () => { if (process.send === undefined) end('interrupted'); });
  process.on('disconnect', () => end('the supervisor is gone', orphanedLimitMs));
  process.on('message', (message) => { if ((message as { type?: unknown } | null)?.type === 'drain') end('asked to drain'); });
  process.on('unhandledRejection', (error) => log.error('A promise failed and nobody looked', { error }));
}
