// `npm start`: one process per service, a private nats-server, and this process that keeps them running.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { serviceNames } from '@deskhand/contracts';
import { freePort } from '@deskhand/platform/free-port';
import { openDataFolder } from './supervisor/data-folder.ts';
import { StartFailure } from './supervisor/failure.ts';
import { waitForLeftovers } from './supervisor/leftovers.ts';
import { loadNatsKeys } from './supervisor/nats-keys.ts';
import { ensurePortsFree } from './supervisor/ports.ts';
import type { Listener } from './supervisor/ports.ts';
import { readPrerequisites } from './supervisor/prerequisites.ts';
import { natsCallers, Product } from './supervisor/product.ts';
import { loadGatewayKey, loadInstallationId, loadMasterKey } from './supervisor/secrets.ts';
import { reachable, urlHost } from './supervisor/services.ts';
import type { Port } from './supervisor/rules.ts';
import { readSettings, readSettingsFile } from './supervisor/settings.ts';
import type { Settings } from './supervisor/variables.ts';

const root = dirname(import.meta.dirname);
const startedAt = Date.now();
const forceAfterMilliseconds = 20_000;

let product: Product | null = null;
let unlock: () => void = () => {};
let ending = false;
let lastSignal = 0;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupted);
// Whoever started this process is gone: nobody could stop it any more.
if (process.connected) process.on('disconnect', () => void end(0));
process.on('exit', () => unlock());
// A closed terminal takes no more lines; the product runs on or drains by its signal.
process.stdout.on('error', () => {});

try {
  await start();
} catch (error) {
  if (!ending) {
    process.stderr.write(`${error instanceof StartFailure ? error.message : String((error as Error).stack)}\n`);
    await end(1);
  }
}

async function start(): Promise<void> {
  const fromFile = readSettingsFile(join(root, '.env'));
  const { settings, warnings, problems } = readSettings(process.env, fromFile);
  if (problems.length > 0) throw new StartFailure(problems.join('\n'));
  for (const warning of warnings) say(warning);
  const data = openDataFolder(settings.DESKHAND_DATA);
  unlock = data.unlock;
  await waitForLeftovers(join(data.folder('run'), 'processes.json'), say);
  await ensurePortsFree(listeners(settings));

  const prerequisites = readPrerequisites(root);
  if (!prerequisites.natsServer && !settings.DESKHAND_NATS_URL) throw new StartFailure('nats-server was not looked for. Start Deskhand with npm start.');
  const missing = serviceNames.filter((name) => !existsSync(join(root, 'dist', 'services', `${name}.mjs`)));
  if (missing.length > 0) throw new StartFailure(`Not built: ${missing.join(', ')}. Start Deskhand with npm start.`);

  const natsPort = settings.DESKHAND_NATS_URL ? null : await freePort();
  const llmIsOff = settings.DESKHAND_LLM_PORT === 'off';
  const gatewayKey = settings.LITELLM_MASTER_KEY ?? loadGatewayKey(data.path);
  const webUrl = settings.DESKHAND_PUBLIC_URL ?? `http://${urlHost(reachable(settings.DESKHAND_HOST))}:${settings.DESKHAND_PORT}`;
  product = new Product(
    {
      root,
      settings,
      prerequisites,
      data,
      natsUrl: settings.DESKHAND_NATS_URL ?? `nats://127.0.0.1:${natsPort}`,
      natsKeys: loadNatsKeys(join(data.folder('nats'), 'keys.json'), natsCallers),
      masterKey: settings.DESKHAND_MASTER_KEY ?? loadMasterKey(data.path),
      gatewayKey,
      installationId: loadInstallationId(data.path),
      webUrl,
      llmHost: llmIsOff ? '127.0.0.1' : settings.DESKHAND_HOST,
      llmPort: settings.DESKHAND_LLM_PORT === 'off' ? await freePort() : settings.DESKHAND_LLM_PORT,
      texts: { ...fromFile, ...process.env },
    },
    natsPort,
    say,
  );
  say(`Starting ${serviceNames.length} services (data: ${data.path})`);
  await product.start();
  announce(settings, webUrl, prerequisites.dockerProblem, settings.LITELLM_MASTER_KEY ? '(the one in LITELLM_MASTER_KEY)' : gatewayKey);
  process.send?.({ type: 'ready', state: product.state() });
}

function listeners(settings: Settings): Listener[] {
  const host = settings.DESKHAND_HOST;
  const wanted = [
    { title: 'web app', port: settings.DESKHAND_PORT, variable: 'DESKHAND_PORT' },
    { title: 'model gateway', port: settings.DESKHAND_LLM_PORT, variable: 'DESKHAND_LLM_PORT' },
    // The gateway has them; without it they are off too.
    ...(settings.DESKHAND_PORT === 'off' ? [] : [
      { title: 'combined chat and desktop', port: settings.DESKHAND_COMBINED_PORT, variable: 'DESKHAND_COMBINED_PORT' },
      { title: 'desktop on its own', port: settings.DESKHAND_DESKTOP_PORT, variable: 'DESKHAND_DESKTOP_PORT' },
    ]),
  ];
  return wanted.flatMap((listener) => (listener.port === 'off' ? [] : [{ ...listener, port: listener.port, host }]));
}

function announce(settings: Settings, webUrl: string, dockerProblem: string | null, key: string): void {
  const lines = [`Deskhand is ready after ${((Date.now() - startedAt) / 1000).toFixed(1)} s. Ctrl-C stops it.`];
  if (dockerProblem) lines.push(`  Computers       none: ${dockerProblem}`);
  if (settings.DESKHAND_PORT !== 'off') {
    const administrator = settings.DESKHAND_ADMIN_USERNAME ? `${settings.DESKHAND_ADMIN_USERNAME} (from DESKHAND_ADMIN_USERNAME)` : `the first account made at ${webUrl}/signup`;
    const side = (port: Port, path: string): string => `http://${urlHost(reachable(settings.DESKHAND_HOST))}:${port}${path}`;
    if (settings.DESKHAND_COMBINED_PORT !== 'off') lines.push(`  Chat + desktop  ${side(settings.DESKHAND_COMBINED_PORT, '/')}`);
    if (settings.DESKHAND_DESKTOP_PORT !== 'off') lines.push(`  Desktop only    ${side(settings.DESKHAND_DESKTOP_PORT, '/vnc.html')}`);
    lines.push(`  Web app         ${webUrl}`, `  Administrator   ${administrator}`);
  }
  if (settings.DESKHAND_LLM_PORT !== 'off') lines.push(`  Model gateway   http://${urlHost(reachable(settings.DESKHAND_HOST))}:${settings.DESKHAND_LLM_PORT}   key ${key}`);
  process.stdout.write(`${lines.join('\n')}\n`);
}

// A terminal and the programs in between may deliver one Ctrl-C several times.
function interrupted(): void {
  const now = Date.now();
  const again = now - lastSignal > 500;
  lastSignal = now;
  if (!again) return;
  if (ending) force('Stopping at once');
  else {
    say('Stopping: running turns come to a safe point and go on at the next start. Ctrl-C again stops at once');
    void end(0);
  }
}

async function end(code: number): Promise<void> {
  if (ending) return;
  ending = true;
  setTimeout(() => force(`Not drained within ${forceAfterMilliseconds / 1000} s, stopping at once`), forceAfterMilliseconds).unref();
  await product?.drain();
  process.exit(code);
}

function force(text: string): void {
  say(text);
  product?.kill();
  process.exit(1);
}

function say(text: string): void {
  const time = new Date().toTimeString().slice(0, 8);
  process.stdout.write(`${time} ${text}\n`);
}
