import { isIP } from 'node:net';
import type { PassThroughEntry } from '../configuration/gateway-file.ts';
import type { ApiFormat } from '../wire/formats.ts';
import { decoded } from './pass-through-headers.ts';

/** A path below which requests go to another address as they are. */
export interface PassThroughEndpoint {
  /** `/claude`; also the name under which keys are allowed to use it, and without its slash the provider in the books. */
  path: string;
  target: string;
  /** The operator's own headers for the provider; none of them is ever shown. */
  headers: Readonly<Record<string, string>>;
  /** The caller's headers travel too, login included: then our own key comes in `x-litellm-api-key` and nowhere else. */
  forwardHeaders: boolean;
  /** Taken without a key of the gateway. */
  open: boolean;
  /** Everything below the path, not only the path itself. */
  subpaths: boolean;
}

const subscriptions: readonly PassThroughEndpoint[] = [
  { path: '/claude', target: 'https://api.anthropic.com', headers: {}, forwardHeaders: true, open: false, subpaths: true },
  { path: '/codex', target: 'https://chatgpt.com/backend-api/codex', headers: {}, forwardHeaders: true, open: false, subpaths: true },
];

const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));

/** The paths that are there without being configured, and those of the configuration file, which win. */
export class PassThroughEndpoints {
  private readonly list: readonly PassThroughEndpoint[];
  /** One line for everything of the file that is not done as it says. */
  readonly notes: string[] = [];

  /** `host`: where the gateway listens. Without a key only loopback may come in, and never to the operator's own login. */
  constructor(entries: readonly PassThroughEntry[], host: string) {
    const configured = entries.map((entry): PassThroughEndpoint => {
      const known = subscriptions.some(({ path }) => path === entry.path);
      const ownLogin = Object.keys(entry.headers).length > 0;
      const open = entry.withoutKey && isLoopback(host) && !ownLogin;
      if (entry.withoutKey && !open) this.notes.push(`line ${entry.line}: ${entry.path} needs a key of this gateway although it says auth: false, because ${ownLogin ? 'it sends headers of your own' : `the gateway listens on ${host}, which others can reach`}`);
      return { path: entry.path, target: entry.target, headers: entry.headers, forwardHeaders: entry.forwardHeaders, open, subpaths: entry.subpaths || known };
    });
    // The longest path first: /codex/special before /codex.
    this.list = [...configured, ...subscriptions.filter(({ path }) => !configured.some((entry) => entry.path === path))].sort((one, other) => other.path.length - one.path.length);
  }

  /** The endpoint of a path without its query; null: there is none. */
  find(path: string): PassThroughEndpoint | null {
    return this.list.find((endpoint) => path === endpoint.path || (endpoint.subpaths && path.startsWith(`${endpoint.path}/`))) ?? null;
  }
}

const modelCalls: readonly [RegExp, ApiFormat][] = [[/\/messages$/, 'anthropic-messages'], [/\/responses$/, 'openai-responses'], [/\/chat\/completions$/, 'openai-chat']];

/** The format of a model call, told by its path; null: it is none, and no call in the books. */
export function formatOf(method: string, path: string): ApiFormat | null {
  if (method !== 'POST') return null;
  const plain = decoded(path);
  return modelCalls.find(([pattern]) => pattern.test(plain))?.[1] ?? null;
}

/** The path at the target for one below the endpoint's, query kept; null when it would leave the target's own path. */
export function targetPath(endpoint: PassThroughEndpoint, url: string): string | null {
  const rest = url.slice(endpoint.path.length);
  const [path = ''] = rest.split('?', 1);
  if (rest.includes('\\')) return null;
  // Some servers read an encoded slash or dot as one.
  const segments = path.replace(/%2f|%5c/gi, '/').replace(/%2e/gi, '.').split('/');
  if (segments.includes('..') || segments.includes('.')) return null;
  const base = new URL(endpoint.target);
  const whole = `${base.pathname.replace(/\/+$/, '')}${rest}`;
  return whole.startsWith('/') ? whole : `/${whole}`;
}
