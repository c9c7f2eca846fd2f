// What a variable's value must look like. Every rule has words and an example for the person who got it wrong.
import { isAbsolute, resolve } from 'node:path';
import { homedir } from 'node:os';

export interface Rule<Value> {
  /** Completes "must be …". */
  readonly words: string;
  readonly example: string;
  /** The value, or undefined when the text breaks the rule. */
  readonly read: (text: string) => Value | undefined;
}

export type Port = number | 'off';

export const anyText: Rule<string> = { words: 'any text', example: 'abc', read: (text) => text };

export const port: Rule<Port> = {
  words: 'a port from 1 to 65535, or off',
  example: '3000',
  read: (text) => (text === 'off' ? 'off' : wholeNumber(text, 1, 65_535)),
};

export const host: Rule<string> = {
  words: 'an address or name of this machine to listen on',
  example: '0.0.0.0',
  read: (text) => (/^[A-Za-z0-9.:_-]+$/.test(text) ? text : undefined),
};

export const seconds: Rule<number> = {
  words: 'whole seconds from 10 to 604800',
  example: '600',
  read: (text) => wholeNumber(text, 10, 604_800),
};

export const masterKey: Rule<string> = {
  words: '64 hexadecimal digits',
  example: '(output of: openssl rand -hex 32)',
  read: (text) => (/^[0-9a-fA-F]{64}$/.test(text) ? text.toLowerCase() : undefined),
};

export const folder: Rule<string> = {
  words: 'a folder, absolute or beginning with ~/',
  example: '/var/lib/deskhand',
  read: (text) => {
    const path = text === '~' || text.startsWith('~/') ? homedir() + text.slice(1) : text;
    return isAbsolute(path) ? resolve(path) : undefined;
  },
};

export const file: Rule<string> = { words: 'an absolute path of a file', example: '/etc/ssl/certs/ca-certificates.crt', read: folder.read };

export const databaseUrl: Rule<string> = {
  words: 'sqlite: (files in the data folder) or postgres://USER:PASSWORD@HOST/DATABASE',
  example: 'postgres://deskhand:secret@127.0.0.1:5432/deskhand',
  read: (text) => {
    if (text.startsWith('sqlite:')) return 'sqlite:';
    return isUrl(text, ['postgres:', 'postgresql:']) ? text.replace(/^postgresql:/, 'postgres:') : undefined;
  },
};

export const blobStore: Rule<string> = {
  words: 'folder (in the data folder) or s3://BUCKET/PREFIX?endpoint=URL&region=NAME',
  example: 's3://deskhand/blobs?endpoint=https://s3.example.org&region=us-east-1',
  read: (text) => {
    if (text === 'folder') return text;
    const url = URL.canParse(text) ? new URL(text) : null;
    if (url?.protocol !== 's3:' || !/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(url.hostname) || !/^[\w./-]*$/.test(url.pathname)) return undefined;
    return isUrl(url.searchParams.get('endpoint') ?? '', ['http:', 'https:']) ? text : undefined;
  },
};

export const natsUrl: Rule<string> = {
  words: 'nats://HOST:PORT or tls://HOST:PORT',
  example: 'nats://127.0.0.1:4222',
  read: (text) => (isUrl(text, ['nats:', 'tls:']) ? text : undefined),
};

export const webUrl: Rule<string> = {
  words: 'an http or https address without a path',
  example: 'https://deskhand.example.org',
  read: (text) => (isUrl(text, ['http:', 'https:']) && new URL(text).pathname === '/' ? new URL(text).origin : undefined),
};

export const imageName: Rule<string> = {
  words: 'desktop, full, or the name of an image that the Docker engine has',
  example: 'desktop',
  read: (text) => (/^[a-z0-9][\w./:@-]*$/.test(text) ? text : undefined),
};

export const hostsWithPorts: Rule<string> = {
  words: 'HOST:PORT pairs with commas between them',
  example: '127.0.0.1:11434,models.lan:8000',
  read: (text) => {
    const entries = text.split(',').map((entry) => entry.trim()).filter(Boolean);
    const valid = entries.every((entry) => /^(\[[0-9a-fA-F:.]+\]|[\w.-]+):\d{1,5}$/.test(entry) && Number(entry.split(':').at(-1)) <= 65_535);
    return valid ? entries.join(',') : undefined;
  },
};

export const emailAddress: Rule<string> = {
  words: 'an e-mail address',
  example: 'ada@example.org',
  read: (text) => (/^[^\s@]+@[^\s@]+$/.test(text) ? text : undefined),
};

export const longEnoughPassword: Rule<string> = {
  words: 'at least 8 characters',
  example: '(a long passphrase)',
  read: (text) => (text.length >= 8 ? text : undefined),
};

export const secretText: Rule<string> = {
  words: 'at least 16 characters',
  example: '(the output of: openssl rand -hex 32)',
  read: (text) => (text.length >= 16 ? text : undefined),
};

export const accountName: Rule<string> = {
  words: '3 to 50 letters, digits, dots, dashes or underscores',
  example: 'ada',
  read: (text) => (/^[\p{L}\p{N}._-]{3,50}$/u.test(text) ? text : undefined),
};

export function oneOf<const Value extends string>(...values: readonly Value[]): Rule<Value> {
  return { words: `one of ${values.join(', ')}`, example: values[0] ?? '', read: (text) => values.find((value) => value === text) };
}

function wholeNumber(text: string, least: number, most: number): number | undefined {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  return value >= least && value <= most ? value : undefined;
}

function isUrl(text: string, protocols: readonly string[]): boolean {
  return URL.canParse(text) && protocols.includes(new URL(text).protocol) && new URL(text).hostname !== '';
}
