import { builtinModules } from 'node:module';
import { rolldown } from 'rolldown';

/**
 * Packages that stay outside the bundles: with native code, or such as a dependency can do without and that Deskhand does
 * not use.
 */
export const outside = [
  'better-sqlite3',
  'sharp',
  '@node-rs/argon2',
  'cpu-features',
  'pg-native',
  'pg-cloudflare',
  'bufferutil',
  'utf-8-validate',
  'libsql',
  'mariadb',
  'mysql2',
  'tedious',
  'mongodb',
  'ioredis',
  'mqtt',
  'kafkajs',
  'amqplib',
  'amqp-connection-manager',
  'nats',
  'class-validator',
  'class-transformer',
  '@nestjs/websockets',
  '@nestjs/platform-express',
  '@fastify/view',
  '@fastify/static',
  '@fastify/multipart',
  '@grpc/grpc-js',
  '@grpc/proto-loader',
  'ts-morph',
  'tsconfig-paths',
  '@mikro-orm/entity-generator',
  '@mikro-orm/seeder',
  '@mikro-orm/reflection',
  '@mikro-orm/decorators',
  '@mikro-orm/mysql',
  '@mikro-orm/mariadb',
  '@mikro-orm/mongodb',
  '@mikro-orm/mssql',
  '@mikro-orm/oracledb',
  '@mikro-orm/libsql',
  '@mikro-orm/cli',
  'dataloader',
];

const builtins = new Set([...builtinModules, ...builtinModules.map((name) => `node:${name}`)]);

export interface BundleOptions {
  readonly entry: string;
  /** The one file that is written. */
  readonly file: string;
  readonly root: string;
  /** True for a file that runs where no node_modules is: nothing but Node's own modules stays outside. */
  readonly selfContained?: boolean;
}

/**
 * Bundles one program into one ES module with legacy decorators, their metadata and all names kept.
 * Throws when an import cannot be resolved and is not among the packages that may stay outside.
 */
export async function bundle({ entry, file, root, selfContained = false }: BundleOptions): Promise<void> {
  const unresolved: string[] = [];
  const build = await rolldown({
    input: entry,
    cwd: root,
    platform: 'node',
    tsconfig: `${root}/tsconfig.json`,
    external: (id) => builtins.has(id) || isNative(id) || (!selfContained && outside.some((name) => id === name || id.startsWith(`${name}/`))),
    onLog(level, log, handle) {
      if (log.code === 'UNRESOLVED_IMPORT') unresolved.push(log.message);
      else if (level === 'warn' && !isNoise(log.code)) handle(level, log);
    },
  });
  try {
    await build.write({ file, format: 'esm', codeSplitting: false, keepNames: true, comments: { legal: false } });
  } finally {
    await build.close();
  }
  if (unresolved.length > 0) throw new Error(`Unresolved imports in ${entry}:\n${unresolved.join('\n')}`);
}

// ssh2 (of the Docker client) tries a binary of its own build folder and goes on without it.
const isNative = (id: string) => id.endsWith('.node');

// Warnings about third-party code that say nothing about ours.
function isNoise(code: string | undefined): boolean {
  return ['EVAL', 'DIRECT_EVAL', 'CIRCULAR_DEPENDENCY', 'COMMONJS_VARIABLE_IN_ESM', 'EMPTY_IMPORT_META', 'PREFER_BUILTIN_FEATURE'].includes(code ?? '');
}
