import { createHash } from 'node:crypto';
import { createReadStream, lstatSync, readFileSync, readdirSync } from 'node:fs';
import { extname, join } from 'node:path';
import type { FastifyReply, FastifyRequest } from 'fastify';

interface Asset {
  file: string;
  size: number;
  type: string;
  tag: string;
  immutable: boolean;
  /** Compressed forms that the build left beside it, best first. */
  encodings: { name: 'br' | 'gzip'; file: string; size: number }[];
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.json': 'application/json; charset=utf-8', '.svg': 'image/svg+xml', '.png': 'image/png',
  '.ico': 'image/x-icon', '.webp': 'image/webp', '.woff2': 'font/woff2', '.woff': 'font/woff', '.txt': 'text/plain; charset=utf-8', '.webmanifest': 'application/manifest+json', '.wasm': 'application/wasm', '.map': 'application/json; charset=utf-8',
};

/**
 * The built web app. The files are listed once, at the start, and only a name on that list is ever opened: no path of a
 * request reaches the file system.
 */
export class WebApp {
  /** Sources of the inline scripts of `index.html`, for the Content-Security-Policy. */
  readonly scriptHashes: readonly string[];

  private constructor(private readonly assets: ReadonlyMap<string, Asset>) {
    const index = assets.get('/index.html');
    this.scriptHashes = index === undefined ? [] : inlineScriptHashes(readFileSync(index.file, 'utf8'));
  }

  static load(root: string | null): WebApp {
    const files = root === null ? [] : filesUnder(root);
    const sizes = new Map(files.map((path) => [path, lstatSync(join(root!, path)).size]));
    const assets = files.filter((path) => !/\.(br|gz)$/.test(path) || !sizes.has(path.replace(/\.\w+$/, ''))).map((path): [string, Asset] => {
      const file = join(root!, path);
      const encodings = ([['br', '.br'], ['gzip', '.gz']] as const).flatMap(([name, ending]) => (sizes.has(path + ending) ? [{ name, file: file + ending, size: sizes.get(path + ending)! }] : []));
      const tag = `"${createHash('sha256').update(readFileSync(file)).digest('base64url').slice(0, 22)}"`;
      return [`/${path}`, { file, size: sizes.get(path)!, type: types[extname(path)] ?? 'application/octet-stream', tag, immutable: path.startsWith('_app/immutable/'), encodings }];
    });
    return new WebApp(new Map(assets));
  }

  /** Answers a request that no route took: a file, or the app itself for its own addresses. False when it is neither. */
  serve(request: FastifyRequest, reply: FastifyReply): boolean {
    if (request.method !== 'GET' && request.method !== 'HEAD') return false;
    const path = request.url.split('?', 1)[0]!;
    const asset = this.assets.get(path === '/' ? '/index.html' : path) ?? (isAppAddress(path) ? this.assets.get('/index.html') : undefined);
    if (asset === undefined) return false;
    send(asset, request, reply);
    return true;
  }
}

const notTheApp = new Set(['api', 'health', 'ready', 'metrics', 'docs', '_app']);

/** Plain addresses only: an odd spelling of an API path must look like nothing, not like the app. */
function isAppAddress(path: string): boolean {
  // The name under which people know the desktop on its own.
  if (path === '/vnc.html') return true;
  if (!/^(?:\/[A-Za-z0-9_-]+)+$/.test(path)) return false;
  return !notTheApp.has(path.split('/')[1]!.toLowerCase());
}

function send(asset: Asset, request: FastifyRequest, reply: FastifyReply): void {
  reply.header('etag', asset.tag).header('cache-control', asset.immutable ? 'public, max-age=31536000, immutable' : 'no-cache').header('vary', 'accept-encoding');
  if (request.headers['if-none-match'] === asset.tag) return void reply.code(304).send();
  const accepted = String(request.headers['accept-encoding'] ?? '');
  const encoding = asset.encodings.find(({ name }) => new RegExp(`\\b${name}\\b(?!;\\s*q=0(?:\\.0*)?(?:,|$))`).test(accepted));
  if (encoding !== undefined) reply.header('content-encoding', encoding.name);
  const { file, size } = encoding ?? asset;
  reply.header('content-type', asset.type).header('content-length', size);
  void reply.send(request.method === 'HEAD' ? '' : createReadStream(file));
}

function filesUnder(root: string, folder = ''): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) return filesUnder(root, path);
    // A link could lead out of the folder; the build makes none.
    return entry.isFile() ? [path] : [];
  });
}

export function inlineScriptHashes(html: string): string[] {
  return [...html.matchAll(/<script(?![^>]*\bsrc=)[^>]*>([\s\S]*?)<\/script>/gi)].map(([, script]) => `'sha256-${createHash('sha256').update(script!).digest('base64')}'`);
}
