import { DeclaredError, type GrantClaims, type GrantRight, grants } from '@deskhand/contracts';
import { Bus, KeyRing, verifyGrant } from '@deskhand/platform';
import { Injectable } from '@nestjs/common';

/** Whether a request may be done, by the signed grant it carries; nobody is asked. */
@Injectable()
export class GrantChecks {
  readonly #keys: KeyRing;

  constructor(bus: Bus) {
    this.#keys = new KeyRing(() => bus.request(grants.keys, {}));
  }

  /** The claims of a grant that gives one of `rights` on this computer; anything else is `FORBIDDEN`. */
  async check(grant: string, computerId: string, ...rights: GrantRight[]): Promise<GrantClaims> {
    const claims = await verifyGrant(await this.#keys.keysFor(grant), grant);
    if (claims.computer_id !== computerId || !rights.some((right) => claims.rights.includes(right))) throw new DeclaredError('FORBIDDEN', 'This grant gives no right on this computer');
    return claims;
  }

  /** The same for whoever may use or manage it, and only with the owner and conversation that the grant names. */
  async checkOwner(grant: string, { computerId, conversationId, userId }: { computerId: string; conversationId: string; userId: string }): Promise<void> {
    const claims = await this.check(grant, computerId, 'computer:run', 'computer:manage');
    if (claims.conversation_id !== conversationId || claims.sub !== userId) throw new DeclaredError('FORBIDDEN', 'This grant is of another conversation');
  }
}
