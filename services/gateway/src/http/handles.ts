import { applyDecorators, createParamDecorator, HttpCode, RequestMapping, RequestMethod, SetMetadata, type ExecutionContext } from '@nestjs/common';
import { DeclaredError, type BodyOf, type QueryOf, type Route } from '@deskhand/contracts';
import { describeIssues } from '@deskhand/platform';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { callerOf, type Caller } from '../identity/caller.ts';

export const routeKey = 'deskhand:route';

/** The decorated method serves this route: its method, path, status and access come from the contract. */
export function Handles(route: Route): MethodDecorator {
  return applyDecorators(RequestMapping({ method: RequestMethod[route.method], path: route.path }), HttpCode(route.status), SetMetadata(routeKey, route));
}

/** What a handler is given: validated, unknown keys stripped. */
export interface Asked<Value extends Route> {
  /** Who asks; absent on public routes. */
  caller: Caller;
  params: Readonly<Record<string, string>>;
  body: BodyOf<Value>;
  query: QueryOf<Value>;
  request: FastifyRequest;
  reply: FastifyReply;
}

export const Ask = createParamDecorator((_: unknown, context: ExecutionContext): Asked<Route> => {
  const route = Reflect.getMetadata(routeKey, context.getHandler()) as Route;
  const request = context.switchToHttp().getRequest<FastifyRequest>();
  const params = (request.params ?? {}) as Record<string, string>;
  for (const [name, value] of Object.entries(params)) assertParameter(name, value);
  return {
    get caller() {
      return callerOf(request);
    },
    params,
    body: validated(route.body, request.body, 'body'),
    query: validated(route.query, request.query, 'query'),
    request,
    reply: context.switchToHttp().getResponse<FastifyReply>(),
  };
});

const identifier = /^[A-Za-z0-9_-]{1,128}$/;
// Control characters have no business in a name.
const name = /^[^\p{Cc}]{1,320}$/u;

/** What cannot be an id is the id of nothing. */
function assertParameter(parameter: string, value: string): void {
  const rule = parameter === 'username' ? name : identifier;
  if (!rule.test(value)) throw new DeclaredError('NOT_FOUND', 'Not found');
}

function validated(schema: z.ZodType, value: unknown, part: 'body' | 'query'): unknown {
  let result = schema.safeParse(value);
  // A body whose fields are all optional may be left out.
  if (!result.success && value === undefined) result = schema.safeParse({});
  if (result.success) return result.data;
  const issues = result.error.issues.slice(0, 20).map(({ path, message }) => ({ path: path.join('.'), message }));
  const text = value === undefined && part === 'body' ? 'This needs a JSON body' : describeIssues(result.error.issues);
  throw new DeclaredError('BAD_INPUT', text, { [part]: issues });
}
