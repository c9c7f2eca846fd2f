import { z } from 'zod';

/** A bad environment: names every variable that is wrong, what it must be, and nothing of its value. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}

export interface Configuration<Shape extends z.ZodRawShape> {
  /** Read and checked at the first use, then fixed. */
  readonly value: z.output<z.ZodObject<Shape>>;
}

/** Declares the variables a service reads. An empty variable counts as absent. */
export function defineConfig<Shape extends z.ZodRawShape>(shape: Shape, source: NodeJS.ProcessEnv = process.env): Configuration<Shape> {
  let value: z.output<z.ZodObject<Shape>> | undefined;
  return {
    get value() {
      value ??= parse(shape, source);
      return value;
    },
  };
}

function parse<Shape extends z.ZodRawShape>(shape: Shape, source: NodeJS.ProcessEnv): z.output<z.ZodObject<Shape>> {
  const present = Object.fromEntries(Object.keys(shape).flatMap((name) => (source[name] ? [[name, source[name]]] : [])));
  const result = z.object(shape).safeParse(present);
  if (result.success) return result.data;
  throw new ConfigurationError(`The environment is not usable: ${result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ')}`);
}

/** What every service is given. */
export const serviceConfig = {
  SERVICE_INSTANCE: z.string().default('1'),
  /** A unix socket that answers over HTTP whether the service is well. */
  HEALTH_SOCKET: z.string().startsWith('/').optional(),
  NATS_URL: z.string(),
  NATS_NKEY_SEED: z.string().optional(),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  DATABASE_URL: z.string().optional(),
  BLOB_STORE: z.string().optional(),
  BLOB_KEY: z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits').optional(),
  BLOB_ACCESS_KEY: z.string().optional(),
  BLOB_SECRET_KEY: z.string().optional(),
};
