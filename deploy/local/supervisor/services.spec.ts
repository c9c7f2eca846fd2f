import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serviceNames } from '@deskhand/contracts';
import type { ServiceName } from '@deskhand/contracts';
import { afterAll, describe, expect, it } from 'vitest';
import { databaseUrl, namedInConfiguration, serviceEnvironment } from './services.ts';
import type { Ground } from './services.ts';
import { readSettings } from './settings.ts';

const folder = mkdtempSync(join(tmpdir(), 'services-'));
afterAll(() => rmSync(folder, { recursive: true }));

const texts = { PATH: '/bin', HOME: '/home/x', OPENAI_API_KEY: 'sk-upstream', DESKHAND_ADMIN_USERNAME: 'ada', DESKHAND_ADMIN_EMAIL: 'a@b', DESKHAND_ADMIN_PASSWORD: 'long enough', AWS_SECRET_ACCESS_KEY: 'of the machine' };
const ground: Ground = {
  root: '/checkout',
  settings: readSettings(texts, {}).settings,
  prerequisites: { natsServer: null, dockerHost: 'unix:///engine.sock', dockerProblem: null, sandboxImage: 'deskhand-desktop:1', caBundle: null, chromium: null },
  data: { path: '/data', folder: (name) => `/data/${name}`, unlock: () => {} },
  natsUrl: 'nats://127.0.0.1:4333',
  natsKeys: Object.fromEntries(serviceNames.map((name) => [name, { seed: `SU-${name}`, publicKey: `U-${name}` }])) as Ground['natsKeys'],
  masterKey: 'ab'.repeat(32),
  gatewayKey: 'sk-gateway',
  installationId: 'installation',
  webUrl: 'http://127.0.0.1:3000',
  llmHost: '0.0.0.0',
  llmPort: 4000,
  texts,
};
const whoHas = (text: string): ServiceName[] => serviceNames.filter((name) => Object.values(serviceEnvironment(name, ground)).includes(text));

describe('environments of the services', () => {
  it('hold each secret only where it is needed', () => {
    expect(whoHas(ground.masterKey)).toEqual(['auth', 'conversations', 'llm-gateway']);
    expect(whoHas('sk-upstream')).toEqual(['llm-gateway']);
    expect(whoHas('sk-gateway')).toEqual(['llm-gateway']);
    expect(whoHas('long enough')).toEqual(['auth']);
    expect(whoHas('of the machine')).toEqual([]);
    expect(whoHas('unix:///engine.sock')).toEqual(['sandbox-manager']);
    const { BLOB_KEY } = serviceEnvironment('gateway', ground);
    expect(whoHas(BLOB_KEY!)).toEqual(['gateway', 'agent', 'sandbox-manager']);
    const { MCP_KEY } = serviceEnvironment('agent', ground);
    expect(whoHas(MCP_KEY!)).toEqual(['agent', 'sandbox-manager']);
    for (const name of serviceNames) expect(whoHas(`SU-${name}`)).toEqual([name]);
  });

  it('hand an S3 service\'s keys to those that keep blobs, and only when it is used', () => {
    const s3 = { ...texts, DESKHAND_BLOBS: 's3://bucket/x?endpoint=http://127.0.0.1:9000', AWS_ACCESS_KEY_ID: 'access' };
    const settings = readSettings(s3, {}).settings;
    const environment = serviceEnvironment('agent', { ...ground, settings });
    expect(environment).toMatchObject({ BLOB_STORE: s3.DESKHAND_BLOBS, BLOB_ACCESS_KEY: 'access', BLOB_SECRET_KEY: 'of the machine' });
    expect(Object.values(serviceEnvironment('conversations', { ...ground, settings }))).not.toContain('of the machine');
    expect(serviceEnvironment('agent', ground).BLOB_STORE).toBe('file:/data/blobs');
  });

  it('hand on no variable of the operator\'s own prefix', () => {
    expect(serviceNames.flatMap((name) => Object.keys(serviceEnvironment(name, ground))).filter((name) => name.startsWith('DESKHAND_'))).toEqual([]);
  });

  it('name the place of a process, the same for its successor', () => {
    expect(serviceEnvironment('agent', ground).SERVICE_INSTANCE).toBe('agent');
  });

  it('name a reachable address of the model gateway for the agent', () => {
    expect(serviceEnvironment('agent', ground).LLM_GATEWAY_URL).toBe('http://127.0.0.1:4000');
  });

  it('give each owner a database file or a schema, and none to the others', () => {
    expect(databaseUrl('sandbox-manager', '/data/sandbox-manager', 'sqlite:')).toBe('sqlite:/data/sandbox-manager/sandbox-manager.db');
    expect(databaseUrl('sandbox-manager', '/x', 'postgres://u:p@h:5432/db?sslmode=require')).toBe('postgres://u:p@h:5432/db?sslmode=require&schema=sandbox_manager');
    expect(serviceNames.filter((name) => serviceEnvironment(name, ground).DATABASE_URL)).toEqual(['auth', 'conversations', 'sandbox-manager', 'llm-gateway']);
  });

  it('hand the model gateway what its configuration file refers to, and nothing else', () => {
    const file = join(folder, 'litellm.yaml');
    writeFileSync(file, 'api_key: os.environ/AZURE_KEY\napi_base: os.environ/AZURE_BASE\n');
    expect(namedInConfiguration(file, { AZURE_KEY: '1', AZURE_BASE: '2', OTHER: '3' })).toEqual({ AZURE_KEY: '1', AZURE_BASE: '2' });
    expect(namedInConfiguration(null, { A: '1' })).toEqual({});
  });
});
