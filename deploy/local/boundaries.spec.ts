import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = dirname(dirname(import.meta.dirname));
const skipped = new Set(['node_modules', 'dist', 'build', '.svelte-kit', 'coverage']);

interface Import {
  /** Path from the checkout's root, with slashes. */
  readonly file: string;
  readonly of: string;
}

const imports = ['packages', 'services', 'web/src', 'e2e', 'bench', 'deploy'].flatMap((folder) => sourceFiles(join(root, folder))).flatMap(importsOf);

/** What may import packages of a scope, by the beginning of the path. Tests may import what they test against. */
function onlyIn(packages: RegExp, allowed: RegExp): string[] {
  return imports.filter(({ file, of }) => packages.test(of) && !allowed.test(file)).map(({ file, of }) => `${file} imports ${of}`);
}

describe('boundaries', () => {
  it('sees the imports of the whole checkout', () => {
    expect(imports.length).toBeGreaterThan(100);
    expect(imports.some(({ file, of }) => file.startsWith('services/') && of === '@deskhand/contracts')).toBe(true);
  });

  it('contracts import zod only', () => {
    const surplus = imports.filter(({ file, of }) => file.startsWith('packages/contracts/src/') && !isTest(file) && !of.startsWith('.') && of !== 'zod');
    expect(surplus).toEqual([]);
  });

  it('the web app imports contracts and no other part of the checkout', () => {
    expect(imports.filter(({ file, of }) => file.startsWith('web/') && of.startsWith('@deskhand/') && of !== '@deskhand/contracts')).toEqual([]);
    expect(leaving('web')).toEqual([]);
  });

  it('packages and services stay within their own folder', () => {
    expect([...leaving('packages/contracts'), ...leaving('packages/mcp'), ...leaving('packages/platform'), ...leaving('packages/sandboxd')]).toEqual([]);
    expect(readdirSync(join(root, 'services')).flatMap((service) => leaving(`services/${service}`))).toEqual([]);
  });

  it('no package imports a service, and no service imports another', () => {
    expect(onlyIn(/^@deskhand\/(gateway|auth|conversations|agent|sandbox-manager|llm-gateway)(\/|$)/, /^$/)).toEqual([]);
  });

  it('platform imports of ours only contracts', () => {
    expect(imports.filter(({ file, of }) => file.startsWith('packages/platform/') && of.startsWith('@deskhand/') && of !== '@deskhand/contracts')).toEqual([]);
  });

  it('only sandbox-manager knows what runs inside a computer', () => {
    expect(onlyIn(/^@deskhand\/sandboxd/, /^(services\/sandbox-manager|packages\/sandboxd)\//)).toEqual([]);
  });

  it('only agent speaks to MCP servers, by a package that knows nothing else of the checkout', () => {
    expect(onlyIn(/^@deskhand\/mcp/, /^services\/agent\//)).toEqual([]);
    expect(onlyIn(/^@modelcontextprotocol\//, /^packages\/mcp\//)).toEqual([]);
    expect(imports.filter(({ file, of }) => file.startsWith('packages/mcp/src/') && of.startsWith('@deskhand/'))).toEqual([]);
  });

  it('only sandbox-manager speaks to Docker', () => {
    expect(onlyIn(/^dockerode/, /^services\/sandbox-manager\/|^(e2e|bench)\/|\/test\//)).toEqual([]);
  });

  it('only platform speaks NATS; the supervisor makes its users', () => {
    expect(onlyIn(/^(@nats-io\/|nats$)/, /^packages\/platform\/|^(e2e|bench)\/|\/test\//).filter((line) => !/^deploy\/local\/supervisor\/\S+ imports @nats-io\/nkeys$/.test(line))).toEqual([]);
  });

  it('only platform logs with pino', () => {
    expect(onlyIn(/^pino/, /^packages\/platform\//)).toEqual([]);
  });

  it('only platform knows database drivers; services declare entities and migrations', () => {
    expect(onlyIn(/^(@mikro-orm\/(sqlite|postgresql|sql|migrations)|better-sqlite3|kysely|pg)(\/|$)/, /^packages\/platform\/src\/((database|testing)\/|index\.ts$)|(^|\/)(entities|migrations)(\/|\.ts$)|\/test\//)).toEqual([]);
  });
});

/** Relative imports that leave the folder. */
function leaving(folder: string): string[] {
  return imports
    .filter(({ file, of }) => file.startsWith(`${folder}/`) && of.startsWith('.') && !isTest(file))
    .filter(({ file, of }) => relative(join(root, folder), resolve(root, dirname(file), of)).startsWith('..'))
    .map(({ file, of }) => `${file} imports ${of}`);
}

function isTest(file: string): boolean {
  return file.endsWith('.spec.ts') || file.includes('/test/');
}

function sourceFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return skipped.has(entry.name) ? [] : sourceFiles(path);
    return /\.(ts|mjs|svelte)$/.test(entry.name) ? [path] : [];
  });
}

function importsOf(path: string): Import[] {
  const file = relative(root, path).split('\\').join('/');
  const text = readFileSync(path, 'utf8').replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
  const pattern = /(?:^|[\s;}])(?:import|export)\s[^'"`;]*?from\s*['"]([^'"]+)['"]|(?:^|[\s;])import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/g;
  return [...text.matchAll(pattern)].map((match) => ({ file, of: match[1] ?? match[2] ?? match[3] ?? '' }));
}
