import { join } from 'node:path';
import type { CallerName } from '@deskhand/contracts';

/** Where things lie in the containers; docker-compose.yml says which volume is there. */
export const app = '/app';
export const dataFolder = '/data';
const keysFolder = '/keys';

/** A volume of its own for each, so that a container sees no other's keys. */
export const keyFolder = (name: CallerName | 'installation' | 'nats' | 'postgres', keys = keysFolder): string => join(keys, name);
/** The whole environment of a service, secrets included. */
export const environmentFile = (name: CallerName, keys = keysFolder): string => join(keyFolder(name, keys), 'environment.json');

export const natsUrl = 'nats://nats:4222';
export const dockerSocket = 'unix:///var/run/docker.sock';
export const litellmConfig = '/etc/deskhand/litellm.yaml';
export const dockerCertificates = '/etc/deskhand/docker-certificates';
/** The folder of workspaces is at the same path in the manager's container and on the host. */
export const workspacesOf = (data: string): string => join(data, 'workspaces');

export const webPort = 3_000;
export const llmPort = 4_000;
export const combinedPort = 8_080;
export const desktopPort = 6_080;
export const dataPlanePort = 7_000;
