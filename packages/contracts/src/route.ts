import type { z } from 'zod';

/**
 * Who may use a route. `public`: anybody · `user`: a signed-in person or an API token · `admin`: an administrator ·
 * `metrics`: an administrator or a scrape token.
 */
export type RouteAccess = 'public' | 'user' | 'admin' | 'metrics';

/** One REST operation on port 3000, declared once: the server serves it, the OpenAPI document lists it, the web app calls it. */
export interface Route<Body extends z.ZodType = z.ZodType, Query extends z.ZodType = z.ZodType, Answer extends z.ZodType = z.ZodType> {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** `/api/conversations/:id` */
  path: string;
  access: RouteAccess;
  summary: string;
  body: Body;
  query: Query;
  answer: Answer;
  status: number;
  /** Bytes of a body, where the usual megabyte is not enough. */
  bodyLimit?: number;
  /** The answer is not JSON: an event stream, metrics text, a page. */
  contentType?: string;
}

export function defineRoute<Body extends z.ZodType, Query extends z.ZodType, Answer extends z.ZodType>(
  method: Route['method'],
  path: string,
  options: Omit<Route<Body, Query, Answer>, 'method' | 'path'>,
): Route<Body, Query, Answer> {
  return { method, path, ...options };
}

export type BodyOf<Value extends Route> = z.output<Value['body']>;
export type QueryOf<Value extends Route> = z.output<Value['query']>;
export type AnswerOf<Value extends Route> = z.output<Value['answer']>;
