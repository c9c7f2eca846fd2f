import type { Session } from '@deskhand/contracts';

export const accessCookie = 'access_token';
export const refreshCookie = 'refresh_token';
/** Sessions end after thirty days without a refresh; the cookie need not outlive them. */
const refreshSeconds = 30 * 24 * 3_600;

/** The value of one cookie of a `Cookie` header; the first one when it is there twice. */
export function readCookie(header: string | undefined, name: string): string | null {
  for (const part of header?.split(';') ?? []) {
    const at = part.indexOf('=');
    if (at > 0 && part.slice(0, at).trim() === name) return part.slice(at + 1).trim() || null;
  }
  return null;
}

/** `Set-Cookie` values that keep a session in a browser where no script can read it. */
export function sessionCookies(session: Session, secure: boolean): string[] {
  return [cookie(accessCookie, session.access_token, session.expires_in, '/', secure), cookie(refreshCookie, session.refresh_token, refreshSeconds, '/api/auth', secure)];
}

export function clearedCookies(secure: boolean): string[] {
  return [cookie(accessCookie, '', 0, '/', secure), cookie(refreshCookie, '', 0, '/api/auth', secure)];
}

function cookie(name: string, value: string, seconds: number, path: string, secure: boolean): string {
  return `${name}=${value}; Path=${path}; Max-Age=${seconds}; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`;
}
