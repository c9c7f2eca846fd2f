import { failureWords } from '../outgoing/failure-words.ts';
import type { OutgoingHttp } from '../outgoing/outgoing-http.ts';
import { isRecord } from '../wire/token-usage.ts';
import { WireError } from '../wire/wire-format.ts';
import type { FetchedToken } from './bearer-token.ts';
import { splitUrl } from './url-parts.ts';

const timeoutMs = 20_000;
const answerLimit = 64 * 1024;

/** Asks an OAuth token endpoint, through the guarded client. Rejects with a `WireError` that names the endpoint and no secret. */
export async function fetchToken(outgoing: Pick<OutgoingHttp, 'post' | 'timeouts'>, endpoint: string, form: Record<string, string>): Promise<FetchedToken> {
  const { origin, path, query } = splitUrl(endpoint);
  const asked = Date.now();
  const failed = (why: string): WireError => new WireError('upstream', `No token from ${origin}: ${why}`);
  const answer = await outgoing.post(origin, path + query, { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' }, new URLSearchParams(form).toString(), answerLimit, timeoutMs)
    .catch((error: unknown) => { throw failed(failureWords(error, outgoing.timeouts)); });
  const body = parse(answer.text);
  if (answer.status !== 200 || typeof body?.access_token !== 'string') {
    const why = typeof body?.error_description === 'string' ? body.error_description : typeof body?.error === 'string' ? body.error : 'it answered with something else';
    throw failed(`${why.slice(0, 300)} (HTTP ${answer.status}).`);
  }
  const seconds = typeof body.expires_in === 'number' ? body.expires_in : Number(body.expires_in) || 3_600;
  return { value: body.access_token, expiresAt: asked + seconds * 1_000 };
}

function parse(text: string): Record<string, unknown> | null {
  try {
    const body: unknown = JSON.parse(text);
    return isRecord(body) ? body : null;
  } catch {
    return null;
  }
}
