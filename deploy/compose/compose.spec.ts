import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { serviceNames } from '@deskhand/contracts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { variables } from '../local/supervisor/variables.ts';
import { initialize as initializeIn } from './initialize.ts';

const root = dirname(dirname(import.meta.dirname));
const composeFile = readFileSync(join(root, 'docker-compose.yml'), 'utf8');
describe('docker-compose.yml', () => {
  it('hands every variable of an operator to where it is read', () => {
    const readByCompose = ['DESKHAND_HOST', 'DESKHAND_PORT', 'DESKHAND_DATA', 'DESKHAND_LLM_PORT', 'DESKHAND_COMBINED_PORT', 'DESKHAND_DESKTOP_PORT', 'DESKHAND_EXTRA_CA_CERTS', 'LITELLM_CONFIG'];
    const all = composeFile + readFileSync(join(root, 'deploy/compose/more-ports.yml'), 'utf8');
    for (const name of Object.keys(variables)) expect([name, readByCompose.includes(name) ? all.includes(`\${${name}`) : all.includes(`      ${name}:\n`)]).toEqual([name, true]);
  });

  it('has a container and a volume of keys for every service', () => {
    for (const name of serviceNames) {
      expect(composeFile).toContain(`\n  ${name}:`);
      expect(composeFile).toContain(`keys-${name}:/keys/${name}:ro`);
      expect(composeFile).toContain(`- keys-${name}:/keys/${name}\n`);
    }
    expect(composeFile.match(/:\/var\/run\/docker\.sock/g)).toHaveLength(1);
  });
});

describe('the Dockerfile', () => {
  it('installs the dependencies of every workspace', () => {
    const dockerfile = readFileSync(join(root, 'deploy/images/Dockerfile'), 'utf8');
    const folders = ['packages', 'services'].flatMap((parent) => readdirSync(join(root, parent)).map((name) => `${parent}/${name}`)).filter((folder) => existsSync(join(root, folder, 'package.json')));
    for (const folder of [...folders, 'web']) expect(dockerfile).toContain(`COPY ${folder}/package.json ${folder}/\n`);
    for (const name of serviceNames) expect(dockerfile).toContain(`keys/${name} `);
  });
});

describe('what init makes', () => {
  let keys: string;
  const initialize = (texts: Record<string, string>) => initializeIn(texts, keys);
  beforeEach(() => {
    keys = mkdtempSync(join(tmpdir(), 'deskhand-keys-'));
    for (const name of [...serviceNames, 'operator', 'installation', 'nats', 'postgres']) mkdirSync(join(keys, name));
  });
  afterEach(() => rmSync(keys, { recursive: true }));

  const read = (file: string) => readFileSync(join(keys, file), 'utf8');
  const environment = (name: string) => JSON.parse(read(`${name}/environment.json`)) as Record<string, string>;

  it('is the same the next time, but for what the operator changed', () => {
    initialize({ COMPUTER_IMAGE: 'x-computer' });
    const before = Object.fromEntries(serviceNames.map((name) => [name, environment(name)]));
    initialize({ COMPUTER_IMAGE: 'x-computer' });
    for (const name of serviceNames) expect(environment(name)).toEqual(before[name]);
    initialize({ COMPUTER_IMAGE: 'x-computer', OPENAI_API_KEY: 'sk-new', DESKHAND_PUBLIC_URL: 'https://deskhand.example.org' });
    expect(environment('llm-gateway')).toEqual({ ...before['llm-gateway'], OPENAI_API_KEY: 'sk-new', WEB_URL: 'https://deskhand.example.org' });
    expect(environment('gateway')).toEqual({ ...before.gateway, PUBLIC_URL: 'https://deskhand.example.org' });
  });

  it('gives each service its own key, database and nothing of the others', () => {
    initialize({ COMPUTER_IMAGE: 'x-computer', OPENAI_API_KEY: 'sk-upstream', LITELLM_MASTER_KEY: 'sk-master', DESKHAND_DATA: '/srv/deskhand' });
    const whoHas = (text: string) => serviceNames.filter((name) => read(`${name}/environment.json`).includes(text));
    for (const name of serviceNames) {
      const { NATS_NKEY_SEED, DATABASE_URL } = environment(name);
      expect(whoHas(NATS_NKEY_SEED!)).toEqual([name]);
      if (DATABASE_URL) {
        const { username, password, searchParams } = new URL(DATABASE_URL);
        expect([username, searchParams.get('schema')]).toEqual([name.replaceAll('-', '_'), name.replaceAll('-', '_')]);
        expect(whoHas(password)).toEqual([name]);
        expect(read('postgres/roles.sql')).toContain(`create role ${username} login password '${password}';`);
      }
      expect(statSync(join(keys, name, 'environment.json')).mode & 0o777).toBe(0o600);
    }
    expect([whoHas('sk-upstream'), whoHas('sk-master')]).toEqual([['llm-gateway'], ['llm-gateway']]);
    expect(environment('sandbox-manager')).toMatchObject({ WORKSPACE_ROOT: '/srv/deskhand/workspaces', SANDBOX_IMAGE: 'x-computer', DOCKER_HOST: 'unix:///var/run/docker.sock' });
    const nats = read('nats/server.conf');
    expect(JSON.parse(nats)).toMatchObject({ host: '0.0.0.0', port: 4222, http: '127.0.0.1:8222' });
    expect(nats).not.toMatch(/\bSU[A-Z2-7]{40,}/);
  });

  it('takes an engine elsewhere, an outside database and an outside NATS', () => {
    initialize({ DOCKER_HOST: 'tcp://engine.lan:2376', DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: '/home/me/certificates', DESKHAND_DATABASE_URL: 'postgres://me:secret@db.lan/deskhand', DESKHAND_NATS_URL: 'tls://nats.lan:4222' });
    expect(environment('sandbox-manager')).toMatchObject({ DOCKER_HOST: 'tcp://engine.lan:2376', DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: '/etc/deskhand/docker-certificates', DATABASE_URL: 'postgres://me:secret@db.lan/deskhand?schema=sandbox_manager', NATS_URL: 'tls://nats.lan:4222' });
    initialize({ DOCKER_HOST: 'unix:///run/user/1000/docker.sock' });
    expect(environment('sandbox-manager').DOCKER_HOST).toBe('unix:///var/run/docker.sock');
  });

  it.each([
    [{ DESKHAND_DATABASE_URL: 'sqlite:' }, 'sqlite:'], [{ DESKHAND_DATA: '~/deskhand' }, 'absolute'], [{ DESKHAND_IDLE_SECOND: '60' }, 'Did you mean DESKHAND_IDLE_SECONDS'], [{ DESKHAND_ADMIN_USERNAME: 'ada' }, 'DESKHAND_ADMIN_PASSWORD'],
  ])('stops at %j', (texts, words) => {
    expect(() => initialize(texts)).toThrow(words);
  });
});
