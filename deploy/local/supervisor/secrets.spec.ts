import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadGatewayKey, loadInstallationId, loadMasterKey } from './secrets.ts';
import { loadNatsKeys } from './nats-keys.ts';

const folder = mkdtempSync(join(tmpdir(), 'secrets-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('secrets', () => {
  it('are made once, for this user alone', () => {
    const first = [loadMasterKey(folder), loadGatewayKey(folder), loadInstallationId(folder)];
    expect(first[0]).toMatch(/^[0-9a-f]{64}$/);
    expect(first[1]).toMatch(/^sk-.{32}$/);
    expect([loadMasterKey(folder), loadGatewayKey(folder), loadInstallationId(folder)]).toEqual(first);
    expect(['master.key', 'llm-gateway.key'].map((name) => statSync(join(folder, name)).mode & 0o777)).toEqual([0o600, 0o600]);
  });

  it('stop the start when the master key file is damaged, instead of making another', () => {
    writeFileSync(join(folder, 'master.key'), 'abc');
    expect(() => loadMasterKey(folder)).toThrow(/master\.key does not hold 64 hexadecimal digits/);
  });

  it('of NATS users stay the same when a name is added', () => {
    const file = join(folder, 'keys.json');
    const one = loadNatsKeys(file, ['auth']);
    const two = loadNatsKeys(file, ['auth', 'agent']);
    expect(two.auth).toEqual(one.auth);
    expect(two.agent.publicKey).toMatch(/^U/);
    expect(two.agent.seed).toMatch(/^SU/);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });
});
