import { importPKCS8, SignJWT } from 'jose';
import type { OutgoingHttp } from '../outgoing/outgoing-http.ts';
import { isRecord } from '../wire/token-usage.ts';
import { WireError } from '../wire/wire-format.ts';
import { BearerToken } from './bearer-token.ts';
import { fetchToken } from './token-endpoint.ts';

const scope = 'https://www.googleapis.com/auth/cloud-platform';
const googleTokens = 'https://oauth2.googleapis.com/token';

export interface GoogleCredentials {
  token: BearerToken;
  /** The project the credentials belong to. */
  project: string | null;
  secrets: readonly string[];
}

/** Reads credentials as Google writes them: a service account's key, or a person's refresh token. Throws `WireError` for others. */
export function googleCredentials(json: string, outgoing: Pick<OutgoingHttp, 'post' | 'timeouts'>): GoogleCredentials {
  const account = parse(json);
  const text = (name: string): string => {
    const value = account[name];
    if (typeof value !== 'string' || value === '') throw new WireError('upstream', `vertex_credentials: ${name} is missing.`);
    return value;
  };
  const project = typeof account.project_id === 'string' ? account.project_id : typeof account.quota_project_id === 'string' ? account.quota_project_id : null;
  const endpoint = typeof account.token_uri === 'string' ? account.token_uri : googleTokens;
  if (account.type === 'service_account') {
    const [email, key] = [text('client_email'), text('private_key')];
    const id = typeof account.private_key_id === 'string' ? { kid: account.private_key_id } : {};
    const fetch = async () => fetchToken(outgoing, endpoint, { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: await assertion(email, key, endpoint, id) });
    return { token: new BearerToken(fetch), project, secrets: [key] };
  }
  if (account.type === 'authorized_user') {
    const form = { grant_type: 'refresh_token', client_id: text('client_id'), client_secret: text('client_secret'), refresh_token: text('refresh_token') };
    return { token: new BearerToken(async () => fetchToken(outgoing, endpoint, form)), project, secrets: [form.client_secret, form.refresh_token] };
  }
  throw new WireError('upstream', 'vertex_credentials: must be a service account\'s key or an authorized user, as JSON.');
}

async function assertion(email: string, privateKey: string, audience: string, id: object): Promise<string> {
  const key = await importPKCS8(privateKey, 'RS256').catch(() => { throw new WireError('upstream', 'vertex_credentials: private_key is not a PKCS #8 key.'); });
  return new SignJWT({ scope }).setProtectedHeader({ alg: 'RS256', typ: 'JWT', ...id }).setIssuer(email).setSubject(email).setAudience(audience).setIssuedAt().setExpirationTime('1h').sign(key);
}

function parse(json: string): Record<string, unknown> {
  try {
    const account: unknown = JSON.parse(json);
    if (isRecord(account)) return account;
  } catch {
    // Told below; the text itself may hold a key.
  }
  throw new WireError('upstream', 'vertex_credentials: is not JSON.');
}
