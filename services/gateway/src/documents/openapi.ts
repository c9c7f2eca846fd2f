import { api, errorStatus, type Route } from '@deskhand/contracts';
import { z } from 'zod';

type Json = Record<string, unknown>;

const errorBody: Json = {
  type: 'object',
  required: ['code', 'message'],
  properties: { code: { type: 'string', enum: Object.keys(errorStatus) }, message: { type: 'string' }, details: { type: 'object', additionalProperties: true } },
};

/** The REST API as an OpenAPI 3.1 document, made from the very values that are served. */
export function openApiDocument(): Json {
  const paths: Record<string, Json> = {};
  for (const [name, route] of Object.entries<Route>(api)) {
    const path = route.path.replace(/:(\w+)/g, '{$1}');
    (paths[path] ??= {})[route.method.toLowerCase()] = operation(name, route);
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Deskhand', version: '1', description: 'Chat with agents that work on their own computers. Errors carry a stable code and a message for people.' },
    paths,
    components: {
      schemas: { Error: errorBody },
      responses: { Error: { description: 'What went wrong', content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } } } },
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', description: 'An access token, or a personal API token (dh_…)' }, cookie: { type: 'apiKey', in: 'cookie', name: 'access_token' } },
    },
  };
}

function operation(operationId: string, route: Route): Json {
  const body = schemaOf(route.body, 'input');
  const parameters = [
    ...[...route.path.matchAll(/:(\w+)/g)].map(([, name]) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
    ...queryParameters(route.query),
    ...(route.contentType === 'text/event-stream' ? [{ name: 'Last-Event-ID', in: 'header', required: false, schema: { type: 'string' } }] : []),
  ];
  return {
    operationId,
    summary: route.summary,
    tags: [tagOf(route.path)],
    ...(parameters.length > 0 && { parameters }),
    ...(body !== null && { requestBody: { required: !route.body.safeParse(undefined).success, content: { 'application/json': { schema: body } } } }),
    responses: { [route.status]: answer(route), default: { $ref: '#/components/responses/Error' } },
    security: route.access === 'public' ? [] : [{ bearer: [] }, { cookie: [] }],
    'x-access': route.access,
  };
}

function answer(route: Route): Json {
  if (route.status === 204) return { description: 'Done' };
  const contentType = route.contentType ?? 'application/json';
  return { description: route.summary, content: { [contentType]: { schema: contentType === 'application/json' ? (schemaOf(route.answer, 'output') ?? {}) : { type: 'string' } } } };
}

function queryParameters(query: z.ZodType): Json[] {
  const schema = schemaOf(query, 'output');
  const required = (schema?.required ?? []) as string[];
  return Object.entries((schema?.properties ?? {}) as Record<string, Json>).map(([name, property]) => ({ name, in: 'query', required: required.includes(name), schema: property }));
}

/** Null for a schema that takes anything: there is nothing to say about it. */
export function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Json | null {
  const { $schema: _, ...json } = z.toJSONSchema(schema, { io, unrepresentable: 'any', target: 'draft-2020-12' }) as Json;
  return Object.keys(json).length === 0 ? null : json;
}

function tagOf(path: string): string {
  const [first, second, third] = path.split('/').slice(1);
  if (first !== 'api') return 'operations';
  return third === 'me' ? 'account' : (second ?? 'api').replace(/\.json$/, '');
}
