import type { AccessClaims } from '@deskhand/contracts';
import { Injectable } from '@nestjs/common';
import { SignJWT } from 'jose';
import { Clock } from '../clock.ts';
import { SigningKeys } from './signing-keys.ts';

export const accessTokenSeconds = 900;

/** Makes access tokens; everybody verifies them without asking, so they live for a quarter of an hour only. */
@Injectable()
export class AccessTokens {
  constructor(
    private readonly keys: SigningKeys,
    private readonly clock: Clock,
  ) {}

  async sign(user: { id: string; username: string; isAdmin: boolean }, sessionId: string): Promise<string> {
    const { id, privateKey } = await this.keys.current();
    const iat = Math.floor(this.clock.now() / 1_000);
    const claims: AccessClaims = { iss: 'deskhand', aud: 'deskhand', sub: user.id, username: user.username, is_admin: user.isAdmin, sid: sessionId, iat, exp: iat + accessTokenSeconds };
    return new SignJWT({ ...claims }).setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt', kid: id }).sign(privateKey);
  }
}
