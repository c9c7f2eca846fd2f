import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readSettings, readSettingsFile } from './settings.ts';
import { later, variables } from './variables.ts';

describe('settings', () => {
  it('fills in the defaults', () => {
    const { settings, problems, warnings } = readSettings({}, {});
    expect(problems).toEqual([]);
    expect(warnings).toEqual([]);
    expect(settings).toMatchObject({ DESKHAND_HOST: '127.0.0.1', DESKHAND_PORT: 3000, DESKHAND_LLM_PORT: 4000, DESKHAND_COMBINED_PORT: 8080, DESKHAND_DESKTOP_PORT: 6080, DESKHAND_DATABASE_URL: 'sqlite:', DESKHAND_IDLE_SECONDS: 600, DESKHAND_REGISTRATION: null });
  });

  it('stops on an unknown variable with the name that was probably meant and an example', () => {
    const { problems } = readSettings({ DESKHAND_PROT: '3001' }, {});
    expect(problems).toEqual([expect.stringMatching(/DESKHAND_PROT is not a variable.*DESKHAND_PORT.*Example: DESKHAND_PORT=3000/)]);
  });

  it.each([
    ['DESKHAND_PORT', '70000'],
    ['DESKHAND_PORT', '0'],
    ['DESKHAND_LLM_PORT', 'of'],
    ['DESKHAND_HOST', 'http://x'],
    ['DESKHAND_DATA', 'relative/folder'],
    ['DESKHAND_NATS_URL', 'localhost:4222'],
    ['DESKHAND_SANDBOX_RUNTIME', 'docker'],
    ['DESKHAND_SANDBOX_IMAGE', '--privileged'],
    ['DESKHAND_IDLE_SECONDS', '-1'],
    ['DESKHAND_ALLOWED_PRIVATE_HOSTS', 'localhost'],
    ['DESKHAND_REGISTRATION', 'yes'],
    ['DESKHAND_BLOBS', 's3://bucket'],
    ['DESKHAND_BLOBS', '/a/folder'],
    ['DESKHAND_BROKER_PORT', 'x'],
    ['DESKHAND_PUBLIC_URL', 'https://x/path'],
    ['DESKHAND_DATABASE_URL', 'mysql://x/y'],
  ])('refuses %s=%s with the rule and an example', (name, text) => {
    const { problems } = readSettings({ [name]: text }, {});
    expect(problems).toEqual([expect.stringMatching(new RegExp(`^${name} must be .+\\. Example: ${name}=.+`))]);
  });

  it('never shows the value of a secret', () => {
    const { problems } = readSettings({ DESKHAND_MASTER_KEY: 'hunter2-hunter2' }, {});
    expect(problems).toHaveLength(1);
    expect(problems.join()).not.toContain('hunter2');
  });

  it('reads the older names: everywhere or in the file only', () => {
    const key = 'AB'.repeat(32);
    const fromFile = { HOST: '0.0.0.0', PORT: '8081', DATABASE_URL: 'sqlite:data/claude-chat.db?mode=rwc', ENCRYPTION_KEY: key, CONTAINER_IDLE_TIMEOUT: '90', JWT_SECRET: 'a secret of the old product', GROQ_API_KEY: 'x' };
    const read = readSettings({ HOST: 'a-shell-sets-this', PORT: '1' }, fromFile);
    expect(read.problems).toEqual([]);
    expect(read.settings).toMatchObject({ DESKHAND_HOST: '0.0.0.0', DESKHAND_PORT: 8081, DESKHAND_DATABASE_URL: 'sqlite:', DESKHAND_MASTER_KEY: key.toLowerCase(), DESKHAND_IDLE_SECONDS: 90, JWT_SECRET: 'a secret of the old product' });
    expect(read.warnings).toEqual(['GROQ_API_KEY in .env has no effect yet.']);
  });

  it('lets the environment win over the file', () => {
    expect(readSettings({ DESKHAND_PORT: '4001' }, { PORT: '4002' }).settings.DESKHAND_PORT).toBe(4001);
    expect(readSettings({ DESKHAND_PORT: '' }, { PORT: '4002' }).settings.DESKHAND_PORT).toBe(4002);
  });

  it('accepts variables of listeners that come later, with a warning', () => {
    const { problems, warnings } = readSettings({ DESKHAND_GPTME_PORT: 'off' }, {});
    expect(problems).toEqual([]);
    expect(warnings).toEqual([expect.stringContaining('DESKHAND_GPTME_PORT')]);
  });

  it('wants the first administrator whole or not at all', () => {
    expect(readSettings({ DESKHAND_ADMIN_USERNAME: 'ada' }, {}).problems).toEqual([expect.stringContaining('DESKHAND_ADMIN_EMAIL and DESKHAND_ADMIN_PASSWORD')]);
  });

  it('wants both keys of an S3 service', () => {
    const { problems } = readSettings({ DESKHAND_BLOBS: 's3://bucket/x?endpoint=http://127.0.0.1:9000', DESKHAND_BLOBS_ACCESS_KEY: 'a' }, {});
    expect(problems).toEqual([expect.stringMatching(/^DESKHAND_BLOBS_SECRET_KEY must be set too/)]);
  });

  it('reads quotes and comments of a .env file, and takes an absent file as empty', () => {
    const folder = mkdtempSync(join(tmpdir(), 'settings-'));
    const path = join(folder, '.env');
    expect(readSettingsFile(path)).toEqual({});
    writeFileSync(path, '# comment\nPORT=3001 # why\nOPENAI_API_KEY="a#b"\n');
    expect(readSettingsFile(path)).toEqual({ PORT: '3001', OPENAI_API_KEY: 'a#b' });
    rmSync(folder, { recursive: true });
  });

  it('are all documented in deploy/env.example', () => {
    const example = readFileSync(join(import.meta.dirname, '..', '..', 'env.example'), 'utf8');
    const undocumented = [...Object.keys(variables), ...Object.keys(later)].filter((name) => !new RegExp(`^#? ?${name}=`, 'm').test(example));
    expect(undocumented).toEqual([]);
  });
});
