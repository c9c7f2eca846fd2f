import { randomBytes } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { natsPermissions, serviceNames, type CallerName, type ServiceName } from '@deskhand/contracts';
import { natsAccounts, natsServerConfig } from '@deskhand/platform/nats-server-config';
import { StartFailure } from '../local/supervisor/failure.ts';
import { loadNatsKeys, type NatsKey } from '../local/supervisor/nats-keys.ts';
import { keptText, loadGatewayKey, loadInstallationId, loadMasterKey } from '../local/supervisor/secrets.ts';
import { databaseUrl, keepsDatabase, serviceEnvironment, type Ground } from '../local/supervisor/services.ts';
import { readSettings, type Texts } from '../local/supervisor/settings.ts';
import type { Settings } from '../local/supervisor/variables.ts';
import { app, combinedPort, dataFolder, dataPlanePort, desktopPort, dockerCertificates, dockerSocket, environmentFile, keyFolder, litellmConfig, llmPort, natsUrl, webPort, workspacesOf } from './places.ts';

const callers: readonly CallerName[] = [...serviceNames, 'operator'];
const defaultData = '/var/lib/deskhand';

/**
 * Makes what is made once (keys, passwords, the installation's id) and writes what follows from it and from the operator's
 * settings: the configuration of NATS, the roles of PostgreSQL and the environment of every service, each into a volume
 * that only its reader sees; they lie under `keys`. Returns what there is to say. Throws a StartFailure for settings that are wrong.
 */
export function initialize(texts: Texts, keys?: string): string[] {
  const { settings, warnings } = readCheckedSettings(texts);
  const installation = keyFolder('installation', keys);
  const natsKeys = loadNatsKeys(join(installation, 'nats-keys.json'), callers);
  writeNats(keyFolder('nats', keys), natsKeys);
  const passwords = writePostgres(keyFolder('postgres', keys), installation);
  const gatewayKey = settings.LITELLM_MASTER_KEY ?? loadGatewayKey(installation);
  const webUrl = settings.DESKHAND_PUBLIC_URL ?? `http://127.0.0.1:${settings.DESKHAND_PORT}`;
  const ground: Ground = {
    root: app,
    // Every listener is a container's own; what is published, docker-compose.yml says.
    settings: { ...settings, DESKHAND_HOST: '0.0.0.0', DESKHAND_PORT: webPort, DESKHAND_COMBINED_PORT: combinedPort, DESKHAND_DESKTOP_PORT: desktopPort, LITELLM_CONFIG: settings.LITELLM_CONFIG === null ? null : litellmConfig },
    prerequisites: { natsServer: null, dockerHost: dockerHost(texts.DOCKER_HOST), dockerProblem: null, sandboxImage: sandboxImage(settings, texts), caBundle: null, chromium: null },
    data: { path: dataFolder, folder: (name) => (name === 'workspaces' ? workspacesOf(texts.DESKHAND_DATA || defaultData) : join(dataFolder, name)), unlock: () => {} },
    natsUrl: settings.DESKHAND_NATS_URL ?? natsUrl,
    natsKeys,
    masterKey: settings.DESKHAND_MASTER_KEY ?? loadMasterKey(installation),
    gatewayKey,
    installationId: loadInstallationId(installation),
    webUrl,
    llmHost: '0.0.0.0',
    llmPort,
    texts: { ...texts, PATH: undefined, HOME: undefined, ...(texts.DOCKER_CERT_PATH && { DOCKER_CERT_PATH: dockerCertificates }) },
  };
  for (const name of serviceNames) {
    writeJson(environmentFile(name, keys), {
      ...serviceEnvironment(name, ground),
      ...(keepsDatabase.has(name) && { DATABASE_URL: settings.DESKHAND_DATABASE_URL.startsWith('postgres:') ? databaseUrl(name, '', settings.DESKHAND_DATABASE_URL) : ownDatabase(name, passwords[name]!) }),
      ...(name === 'gateway' && { DATA_PLANE_HOST: '0.0.0.0', DATA_PLANE_PORT: String(dataPlanePort) }),
      HEALTH_SOCKET: '/tmp/health.sock',
    });
  }
  writeJson(environmentFile('operator', keys), { NATS_URL: ground.natsUrl, NATS_NKEY_SEED: natsKeys.operator.seed });
  return [...warnings, `Deskhand will be at ${webUrl}; the first account made there administers.`, `Key of the model gateway: ${settings.LITELLM_MASTER_KEY ? '(the one in LITELLM_MASTER_KEY)' : gatewayKey}`];
}

function readCheckedSettings(texts: Texts): { settings: Settings; warnings: readonly string[] } {
  // One file of variables, so that the older names count as in any `.env`.
  const { settings, warnings, problems } = readSettings(texts, texts);
  const wrong = [...problems];
  if ((texts.DESKHAND_DATABASE_URL ?? texts.DATABASE_URL ?? '').startsWith('sqlite:')) wrong.push('DESKHAND_DATABASE_URL cannot be sqlite: here, where every service may have several instances. Leave it out for the PostgreSQL of docker-compose.yml.');
  if (texts.DESKHAND_DATA?.startsWith('~')) wrong.push('DESKHAND_DATA must be an absolute path here. Example: DESKHAND_DATA=/var/lib/deskhand');
  if (wrong.length > 0) throw new StartFailure(wrong.join('\n'));
  return { settings, warnings };
}

/** A socket of the host is mounted at its usual place, wherever it lies there. */
const dockerHost = (named: string | undefined): string => (!named || named.startsWith('unix:') ? dockerSocket : named);

/** The image that docker-compose.yml builds, unless the operator names another one. */
const sandboxImage = (settings: Settings, texts: Texts): string | null => (settings.DESKHAND_SANDBOX_IMAGE === 'desktop' ? (texts.COMPUTER_IMAGE ?? null) : settings.DESKHAND_SANDBOX_IMAGE);

function writeNats(folder: string, keys: Readonly<Record<CallerName, NatsKey>>): void {
  const users = callers.map((name) => ({ publicKey: keys[name].publicKey, permissions: natsPermissions(name) }));
  write(join(folder, 'server.conf'), natsServerConfig({ host: '0.0.0.0', port: 4_222, healthPort: 8_222, storeFolder: dataFolder, pidFile: '/tmp/nats-server.pid', users }), 0o644);
  // For a NATS server of the operator's own.
  write(join(folder, 'accounts.conf'), JSON.stringify({ accounts: natsAccounts(users) }, null, 2), 0o644);
}

/** A role and a schema for each service that keeps something; PostgreSQL reads this when its volume is new. */
function writePostgres(folder: string, installation: string): Partial<Record<ServiceName, string>> {
  const password = (name: string): string => keptText(join(installation, `postgres-${name}`), () => randomBytes(24).toString('base64url'));
  const passwords = Object.fromEntries([...keepsDatabase].map((name) => [name, password(name)]));
  const statements = [...keepsDatabase].flatMap((name) => [
    `create role ${role(name)} login password '${passwords[name]}';`,
    `create schema ${role(name)} authorization ${role(name)};`,
    // Creating a schema that is there already is refused without it.
    `grant connect, create on database deskhand to ${role(name)};`,
  ]);
  write(join(folder, 'roles.sql'), ['revoke all on database deskhand from public;', ...statements, ''].join('\n'), 0o644);
  write(join(folder, 'password'), password('superuser'), 0o644);
  return passwords;
}

const role = (service: ServiceName): string => service.replaceAll('-', '_');

const ownDatabase = (service: ServiceName, password: string): string => databaseUrl(service, '', `postgres://${role(service)}:${password}@postgres:5432/deskhand`);

const writeJson = (file: string, value: object): void => write(file, JSON.stringify(value, null, 2), 0o600);

/** Whole or not at all. */
function write(file: string, text: string, mode: number): void {
  writeFileSync(`${file}.new`, text, { mode, flush: true });
  renameSync(`${file}.new`, file);
}
