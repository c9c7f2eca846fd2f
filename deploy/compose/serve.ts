import { chownSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { ServiceName } from '@deskhand/contracts';
import { StartFailure } from '../local/supervisor/failure.ts';
import { app, dockerSocket, environmentFile, llmPort } from './places.ts';

/** The user of the services in their image. */
const user = 10_001;
/** What the manager keeps of root: to give workspaces to the users inside computers, and to measure and delete them. */
const kept = ['chown', 'dac_override', 'fowner', 'fsetid'];

/** Runs a service in this process, with the environment that `init` wrote and nothing else. */
export async function serve(service: ServiceName): Promise<void> {
  const environment = readEnvironment(service);
  if (service === 'sandbox-manager' && process.getuid!() === 0) becomeUser(environment);
  replaceEnvironment({ ...machine(), ...environment, ...ofThisContainer(service, environment) });
  const program = join(app, 'dist', 'services', `${service}.mjs`);
  await import(program);
}

function readEnvironment(service: ServiceName): Record<string, string> {
  const file = environmentFile(service);
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>;
  } catch (error) {
    throw new StartFailure(`${file} cannot be read (${(error as Error).message}). Start with docker compose up, which makes it first.`);
  }
}

/** Of what the container was given, only what any program may need. */
function machine(): Record<string, string | undefined> {
  const { PATH, TZ, LANG, NODE_ENV, NODE_EXTRA_CA_CERTS } = process.env;
  return { PATH, TZ, LANG, NODE_ENV, NODE_EXTRA_CA_CERTS };
}

/** What differs from instance to instance. The name of the container stays when it is started again. */
function ofThisContainer(service: ServiceName, { DATA_DIR }: Record<string, string>): Record<string, string | undefined> {
  const instance = hostname();
  const keepsFiles = service === 'agent' || service === 'llm-gateway';
  if (keepsFiles) mkdirSync(join(DATA_DIR!, instance), { recursive: true });
  return {
    SERVICE_INSTANCE: instance,
    DATA_DIR: keepsFiles ? join(DATA_DIR!, instance) : undefined,
    NODE_COMPILE_CACHE: undefined,
    BASE_URL: service === 'llm-gateway' ? `http://${instance}:${llmPort}` : undefined,
    DATA_PLANE_ADDRESS: service === 'gateway' ? instance : undefined,
  };
}

/**
 * The manager begins as root, because only then it can find out which group may use the engine's socket; it goes on as the
 * user of the services, in that group, and with the few capabilities that workspaces need.
 */
function becomeUser({ WORKSPACE_ROOT, DOCKER_HOST }: Record<string, string>): never {
  mkdirSync(WORKSPACE_ROOT!, { recursive: true });
  chownSync(WORKSPACE_ROOT!, user, user);
  const socket = DOCKER_HOST === dockerSocket ? statSync(dockerSocket.slice('unix://'.length), { throwIfNoEntry: false }) : undefined;
  const groups = [user, ...(socket?.isSocket() ? [socket.gid] : [])].join(',');
  const capabilities = kept.map((name) => `+${name}`).join(',');
  const options = ['--reuid', `${user}`, '--regid', `${user}`, '--groups', groups, '--inh-caps', `-all,${capabilities}`, '--ambient-caps', `-all,${capabilities}`, '--bounding-set', `-all,${capabilities}`];
  const setpriv = '/usr/bin/setpriv';
  process.execve!(setpriv, [setpriv, ...options, process.execPath, ...process.argv.slice(1)], process.env as Record<string, string>);
  throw new Error('The process could not be replaced');
}

function replaceEnvironment(wanted: Readonly<Record<string, string | undefined>>): void {
  for (const name of Object.keys(process.env)) delete process.env[name];
  for (const [name, value] of Object.entries(wanted)) if (value !== undefined) process.env[name] = value;
}
