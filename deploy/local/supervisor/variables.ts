// Every variable that an operator may set. Also the list that `deploy/env.example` documents (a unit test compares them).
import { homedir } from 'node:os';
import { join } from 'node:path';
import * as rules from './rules.ts';
import type { Rule } from './rules.ts';

interface Variable<Value, Default> {
  readonly rule: Rule<Value>;
  readonly fallback: Default;
  /** Names that mean the same: read from the environment and from `.env`. */
  readonly also: readonly string[];
  /** Names that mean the same in `.env` only, because shells set them for other purposes. */
  readonly alsoInFile: readonly string[];
}

function variable<Value, Default>(rule: Rule<Value>, fallback: Default, names: { also?: string[]; alsoInFile?: string[] } = {}): Variable<Value, Default> {
  return { rule, fallback, also: names.also ?? [], alsoInFile: names.alsoInFile ?? [] };
}

export const variables = {
  DESKHAND_DATA: variable(rules.folder, join(homedir(), '.local', 'share', 'deskhand')),
  DESKHAND_HOST: variable(rules.host, '127.0.0.1', { alsoInFile: ['HOST'] }),
  DESKHAND_PORT: variable(rules.port, 3000, { alsoInFile: ['PORT'] }),
  DESKHAND_LLM_PORT: variable(rules.port, 4000),
  DESKHAND_COMBINED_PORT: variable(rules.port, 8080),
  DESKHAND_DESKTOP_PORT: variable(rules.port, 6080),
  DESKHAND_PUBLIC_URL: variable(rules.webUrl, null),
  DESKHAND_MASTER_KEY: variable(rules.masterKey, null, { also: ['ENCRYPTION_KEY'] }),
  DESKHAND_DATABASE_URL: variable(rules.databaseUrl, 'sqlite:', { alsoInFile: ['DATABASE_URL'] }),
  DESKHAND_BLOBS: variable(rules.blobStore, 'folder'),
  DESKHAND_BLOBS_ACCESS_KEY: variable(rules.anyText, null, { also: ['AWS_ACCESS_KEY_ID'] }),
  DESKHAND_BLOBS_SECRET_KEY: variable(rules.anyText, null, { also: ['AWS_SECRET_ACCESS_KEY'] }),
  DESKHAND_NATS_URL: variable(rules.natsUrl, null),
  DESKHAND_EXTRA_CA_CERTS: variable(rules.file, null),
  DESKHAND_SANDBOX_RUNTIME: variable(rules.oneOf('runc', 'runsc', 'kata'), 'runc'),
  DESKHAND_SANDBOX_IMAGE: variable(rules.imageName, 'desktop', { alsoInFile: ['CONTAINER_IMAGE'] }),
  DESKHAND_IDLE_SECONDS: variable(rules.seconds, 600, { also: ['CONTAINER_IDLE_TIMEOUT'] }),
  DESKHAND_ALLOWED_PRIVATE_HOSTS: variable(rules.hostsWithPorts, ''),
  DESKHAND_ADMIN_USERNAME: variable(rules.accountName, null),
  DESKHAND_ADMIN_EMAIL: variable(rules.emailAddress, null),
  DESKHAND_ADMIN_PASSWORD: variable(rules.longEnoughPassword, null),
  DESKHAND_REGISTRATION: variable(rules.oneOf('open', 'invite', 'closed'), null),
  DESKHAND_LOG_LEVEL: variable(rules.oneOf('debug', 'info', 'warn', 'error'), 'info'),
  JWT_SECRET: variable(rules.secretText, null),
  OPENAI_API_KEY: variable(rules.anyText, null),
  ANTHROPIC_API_KEY: variable(rules.anyText, null),
  GEMINI_API_KEY: variable(rules.anyText, null),
  MISTRAL_API_KEY: variable(rules.anyText, null),
  LITELLM_CONFIG: variable(rules.file, null),
  LITELLM_MASTER_KEY: variable(rules.anyText, null),
} as const;

export type VariableName = keyof typeof variables;

export type Settings = {
  readonly [Name in VariableName]: (typeof variables)[Name] extends Variable<infer Value, infer Default> ? Value | Default : never;
};

/** Variables of listeners and parts that this release does not have yet: accepted and checked, with a warning. */
export const later: Readonly<Record<string, Rule<unknown>>> = {
  DESKHAND_GPTME_PORT: rules.port,
  DESKHAND_GPTME_LEGACY_PORT: rules.port,
  DESKHAND_BROKER_PORT: rules.port,
  DESKHAND_SCRIPT_PORT: rules.port,
};

/** Names of the older products' `.env` files that are known and have no effect yet. */
export const laterInFile: readonly string[] = [
  'GROQ_API_KEY', 'AGENT_AUTH_TYPE', 'OPENAI_OAUTH_PORT', 'LLPM_WORKSPACE_ROOT',
  'GPTME_SERVER_TOKEN', 'GPTME_DISABLE_AUTH', 'CHATGENERAL_API_KEY', 'AUTH_TOKEN',
  'CLAUDE_CLI_OPTIONS', 'OPENAI_CLI_OPTIONS', 'AIDER_CLI_OPTIONS', 'OLLAMA_CLI_OPTIONS', 'LITELLM_CLI_OPTIONS',
];

const secretNames = /KEY|PASSWORD|SECRET|TOKEN|DATABASE_URL/;

/** Whether a variable's value must never be shown. */
export const isSecret = (name: string): boolean => secretNames.test(name);
