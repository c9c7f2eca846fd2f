import type { ErrorBody } from '@deskhand/contracts';
import { hearClock } from '../text/clock.ts';

/** What the server said when it said no: a stable code and words for people. `OFFLINE` when no answer came. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    /** What is wrong with single fields of what was sent, by their names. */
    readonly fields: Readonly<Record<string, string>> = {},
  ) {
    super(message);
  }
}

export const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/**
 * Calls this origin's API with the session's cookies. A spent session is renewed once, one renewal for all calls that
 * wait for it; when that fails too, `onSignedOut` is told and the call ends with its 401.
 */
export class Api {
  #renewal: Promise<boolean> | null = null;
  onSignedOut: () => void = () => {};

  async call<Answer>(method: Method, path: string, body?: unknown): Promise<Answer> {
    let response = await send(method, path, body);
    if (response.status === 401 && !path.startsWith('/api/auth/')) {
      if (await this.renew()) response = await send(method, path, body);
      if (response.status === 401) this.onSignedOut();
    }
    return answerOf<Answer>(response);
  }

  /** True when the session goes on. Throws nothing: without a network the session is neither renewed nor over. */
  renew(): Promise<boolean> {
    this.#renewal ??= send('POST', '/api/auth/refresh', {})
      .then((response) => response.ok)
      .catch(() => false)
      .finally(() => (this.#renewal = null));
    return this.#renewal;
  }
}

async function send(method: Method, path: string, body: unknown): Promise<Response> {
  try {
    return await fetch(path, {
      method,
      headers: body === undefined ? { accept: 'application/json' } : { accept: 'application/json', 'content-type': 'application/json' },
      credentials: 'same-origin',
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  } catch {
    throw new ApiError(0, 'OFFLINE', 'Deskhand does not answer. Check the connection and try again.');
  }
}

async function answerOf<Answer>(response: Response): Promise<Answer> {
  hearClock(response.headers.get('date'));
  const text = await response.text();
  const body = parse(text);
  if (response.ok) return body as Answer;
  if (!isErrorBody(body)) throw new ApiError(response.status, `HTTP_${response.status}`, `Deskhand answered ${response.status}.`);
  throw new ApiError(response.status, body.code, body.message, fieldsOf(body.details?.['body']));
}

function fieldsOf(issues: unknown): Record<string, string> {
  if (!Array.isArray(issues)) return {};
  return Object.fromEntries((issues as { path: string; message: string }[]).filter(({ path }) => path !== '').map(({ path, message }) => [path, message]));
}

function parse(text: string): unknown {
  try {
    return text === '' ? null : JSON.parse(text);
  } catch {
    return null;
  }
}

function isErrorBody(body: unknown): body is ErrorBody {
  return typeof body === 'object' && body !== null && 'code' in body && 'message' in body;
}
