import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { mcpSecretPurpose, type ServiceName } from '@deskhand/contracts';
import { deriveKey } from '@deskhand/platform/sealing';
import type { DataFolder } from './data-folder.ts';
import type { ProcessPlan } from './managed-process.ts';
import type { NatsKey } from './nats-keys.ts';
import type { Port } from './rules.ts';
import type { Prerequisites } from './prerequisites.ts';
import type { Texts } from './settings.ts';
import type { Settings } from './variables.ts';

/** Everything that the services' environments are made of. */
export interface Ground {
  readonly root: string;
  readonly settings: Settings;
  readonly prerequisites: Prerequisites;
  readonly data: DataFolder;
  readonly natsUrl: string;
  readonly natsKeys: Readonly<Record<ServiceName, NatsKey>>;
  readonly masterKey: string;
  readonly gatewayKey: string;
  readonly installationId: string;
  readonly webUrl: string;
  /** Host and port where the model gateway listens, also when its public listener is off. */
  readonly llmHost: string;
  readonly llmPort: number;
  /** The operator's variables, of the environment and of `.env`. */
  readonly texts: Texts;
}

type Environment = Record<string, string | number | null | undefined>;

export const keepsDatabase: ReadonlySet<ServiceName> = new Set(['auth', 'conversations', 'sandbox-manager', 'llm-gateway']);
const holdsMasterKey: ReadonlySet<ServiceName> = new Set(['auth', 'conversations', 'llm-gateway']);
/** They start or call MCP servers, and so read what administrators gave these. */
const usesMcpSecrets: ReadonlySet<ServiceName> = new Set(['agent', 'sandbox-manager']);
const usesBlobs: ReadonlySet<ServiceName> = new Set(['gateway', 'agent', 'sandbox-manager']);
/** Of the machine's environment, what any program may need; all else a service gets is listed here by name. */
const ofTheMachine = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'SSL_CERT_DIR', 'XDG_CACHE_HOME'];

/** How one service is run. */
export function servicePlan(service: ServiceName, ground: Ground): ProcessPlan {
  return {
    name: service,
    program: process.execPath,
    args: [join(ground.root, 'dist', 'services', `${service}.mjs`)],
    environment: () => serviceEnvironment(service, ground),
    control: 'channel',
  };
}

/** The whole environment of one service's process. */
export function serviceEnvironment(service: ServiceName, ground: Ground): Record<string, string> {
  const { settings, texts } = ground;
  const machine = Object.fromEntries(ofTheMachine.map((name) => [name, texts[name]]));
  const folder = ground.data.folder(service);
  return onlyTexts({
    ...machine,
    NODE_COMPILE_CACHE: join(ground.root, 'dist', '.compile-cache'),
    SERVICE_NAME: service,
    // The place, not the process: at most one process of a service runs in an installation of this shape.
    SERVICE_INSTANCE: service,
    NATS_URL: ground.natsUrl,
    NATS_NKEY_SEED: ground.natsKeys[service].seed,
    LOG_LEVEL: settings.DESKHAND_LOG_LEVEL,
    DATA_DIR: folder,
    DATABASE_URL: keepsDatabase.has(service) ? databaseUrl(service, folder, settings.DESKHAND_DATABASE_URL) : null,
    MASTER_KEY: holdsMasterKey.has(service) ? ground.masterKey : null,
    MCP_KEY: usesMcpSecrets.has(service) ? deriveKey(ground.masterKey, mcpSecretPurpose).toString('hex') : null,
    ...(usesBlobs.has(service) && blobEnvironment(ground)),
    ...ofItsOwn[service](ground),
  });
}

/** Where blobs are and the key made for them alone; the master key itself stays where it is. */
function blobEnvironment({ settings, data, masterKey }: Ground): Environment {
  const key = { BLOB_KEY: deriveKey(masterKey, 'blobs').toString('hex') };
  if (settings.DESKHAND_BLOBS === 'folder') return { ...key, BLOB_STORE: `file:${data.folder('blobs')}` };
  return { ...key, BLOB_STORE: settings.DESKHAND_BLOBS, BLOB_ACCESS_KEY: settings.DESKHAND_BLOBS_ACCESS_KEY, BLOB_SECRET_KEY: settings.DESKHAND_BLOBS_SECRET_KEY };
}

/** The service's own database file, or its own schema of the given PostgreSQL database. */
export function databaseUrl(service: ServiceName, folder: string, wanted: string): string {
  if (wanted.startsWith('sqlite:')) return `sqlite:${join(folder, `${service}.db`)}`;
  const url = new URL(wanted);
  url.searchParams.set('schema', service.replaceAll('-', '_'));
  return url.href;
}

const ofItsOwn: Readonly<Record<ServiceName, (ground: Ground) => Environment>> = {
  auth: ({ settings, webUrl }) => ({
    PUBLIC_URL: webUrl,
    JWT_SECRET: settings.JWT_SECRET,
    REGISTRATION: settings.DESKHAND_REGISTRATION,
    ADMIN_USERNAME: settings.DESKHAND_ADMIN_USERNAME,
    ADMIN_EMAIL: settings.DESKHAND_ADMIN_EMAIL,
    ADMIN_PASSWORD: settings.DESKHAND_ADMIN_PASSWORD,
  }),
  conversations: () => ({}),
  agent: ({ settings, llmHost, llmPort }) => ({
    LLM_GATEWAY_URL: `http://${urlHost(reachable(llmHost))}:${llmPort}`,
    ALLOWED_PRIVATE_HOSTS: settings.DESKHAND_ALLOWED_PRIVATE_HOSTS,
  }),
  gateway: ({ settings, webUrl, root, llmHost, llmPort }) => ({
    HTTP_HOST: settings.DESKHAND_HOST,
    HTTP_PORT: settings.DESKHAND_PORT,
    COMBINED_PORT: unlessOff(settings.DESKHAND_COMBINED_PORT),
    DESKTOP_PORT: unlessOff(settings.DESKHAND_DESKTOP_PORT),
    PUBLIC_URL: webUrl,
    WEB_ROOT: join(root, 'web', 'build'),
    LLM_GATEWAY_URL: `http://${urlHost(reachable(llmHost))}:${llmPort}`,
  }),
  'llm-gateway': ({ settings, gatewayKey, llmHost, llmPort, texts, webUrl }) => ({
    HTTP_HOST: llmHost,
    HTTP_PORT: llmPort,
    WEB_URL: webUrl,
    OPENAI_API_KEY: settings.OPENAI_API_KEY,
    ANTHROPIC_API_KEY: settings.ANTHROPIC_API_KEY,
    GEMINI_API_KEY: settings.GEMINI_API_KEY,
    MISTRAL_API_KEY: settings.MISTRAL_API_KEY,
    LITELLM_CONFIG: settings.LITELLM_CONFIG,
    LITELLM_MASTER_KEY: gatewayKey,
    ALLOWED_PRIVATE_HOSTS: settings.DESKHAND_ALLOWED_PRIVATE_HOSTS,
    ...namedInConfiguration(settings.LITELLM_CONFIG, texts),
  }),
  'sandbox-manager': ({ settings, prerequisites, data, installationId, texts }) => ({
    DOCKER_HOST: prerequisites.dockerHost,
    DOCKER_TLS_VERIFY: texts.DOCKER_TLS_VERIFY,
    DOCKER_CERT_PATH: texts.DOCKER_CERT_PATH,
    DOCKER_PROBLEM: prerequisites.dockerProblem,
    SANDBOX_IMAGE: prerequisites.sandboxImage,
    SANDBOX_RUNTIME: settings.DESKHAND_SANDBOX_RUNTIME,
    IDLE_SECONDS: settings.DESKHAND_IDLE_SECONDS,
    WORKSPACE_ROOT: data.folder('workspaces'),
    INSTALLATION_ID: installationId,
    CA_BUNDLE: prerequisites.caBundle,
  }),
};

/** Variables that the model gateway's configuration file refers to as `os.environ/NAME`. */
export function namedInConfiguration(file: string | null, texts: Texts): Environment {
  if (!file) return {};
  const names = [...readFileSync(file, 'utf8').matchAll(/os\.environ\/(\w+)/g)].map((match) => match[1] ?? '');
  return Object.fromEntries(names.map((name) => [name, texts[name]]));
}

const unlessOff = (port: Port): number | null => (port === 'off' ? null : port);

/** An address to connect to for an address that is listened on. */
export function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  return host === '::' ? '::1' : host;
}

/** A host as it stands in a URL. */
export const urlHost = (host: string): string => (host.includes(':') ? `[${host}]` : host);

function onlyTexts(values: Environment): Record<string, string> {
  const given = Object.entries(values).filter(([, value]) => value !== null && value !== undefined && value !== '');
  return Object.fromEntries(given.map(([name, value]) => [name, String(value)]));
}
