import { DeclaredError, type GrantClaims, type GrantRight, grants } from '@deskhand/contracts';
import { Bus, KeyRing, verifyGrant } from '@deskhand/platform';
import { Injectable } from '@nestjs/common';

const rememberedGrants = 1_000;

/** Whether a request may be done, by the signed grant it carries; nobody is asked. */
@Injectable()
export class GrantChecks {
  readonly #keys: KeyRing;
  /** Grants that were verified: a worker shows the same one until it is renewed. */
  #verified = new Map<string, GrantClaims>();

  constructor(bus: Bus) {
    this.#keys = new KeyRing(() => bus.request(grants.keys, {}));
  }

  /** The claims of a grant that gives one of `rights` on this computer; anything else is `FORBIDDEN`. */
  async check(grant: string, computerId: string, ...rights: GrantRight[]): Promise<GrantClaims> {
    const claims = this.#known(grant) ?? (await this.#verify(grant));
    if (claims.computer_id !== computerId || !rights.some((right) => claims.rights.includes(right))) throw new DeclaredError('FORBIDDEN', 'This grant gives no right on this computer');
    return claims;
  }

  /** The same for whoever may use or manage it, and only with the owner and conversation that the grant names. */
  async checkOwner(grant: string, { computerId, conversationId, userId }: { computerId: string; conversationId: string; userId: string }): Promise<void> {
    const claims = await this.check(grant, computerId, 'computer:run', 'computer:manage');
    if (claims.conversation_id !== conversationId || claims.sub !== userId) throw new DeclaredError('FORBIDDEN', 'This grant is of another conversation');
  }

  #known(grant: string): GrantClaims | undefined {
    const claims = this.#verified.get(grant);
    return claims && claims.exp * 1_000 > Date.now() ? claims : undefined;
  }

  async #verify(grant: string): Promise<GrantClaims> {
    const claims = await verifyGrant(await this.#keys.keysFor(grant), grant);
    if (this.#verified.size >= rememberedGrants) this.#verified.delete(this.#verified.keys().next().value!);
    this.#verified.set(grant, claims);
    return claims;
  }
}
