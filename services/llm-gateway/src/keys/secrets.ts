import type { KeyObject } from 'node:crypto';
import { DeclaredError } from '@deskhand/contracts';
import { decryptSecret, deriveKey, encryptSecret, openSealed, sealingKeys } from '@deskhand/platform';

/**
 * Everything that is derived from the master key, so that all instances agree and nothing of it is stored: the pair that
 * provider keys are sealed to, the key that encrypts them at rest, the key that signs run tokens.
 */
export class Secrets {
  readonly sealingPublicKey: string;
  readonly runTokenKey: Buffer;
  private readonly sealingPrivateKey: KeyObject;
  private readonly storageKey: Buffer;

  constructor(masterKey: string) {
    const pair = sealingKeys(deriveKey(masterKey, 'llm-gateway provider key sealing'));
    this.sealingPublicKey = pair.publicKey;
    this.sealingPrivateKey = pair.privateKey;
    this.storageKey = deriveKey(masterKey, 'llm-gateway provider keys');
    this.runTokenKey = deriveKey(masterKey, 'llm-gateway run tokens');
  }

  /** Opens a sealed provider key. `BAD_INPUT` when it was not sealed to this gateway or cannot stand in a header. */
  unseal(sealed: string): string {
    let key: string;
    try {
      key = openSealed(this.sealingPrivateKey, sealed).trim();
    } catch (error) {
      throw new DeclaredError('BAD_INPUT', 'The API key did not arrive intact; enter it again.', undefined, { cause: error });
    }
    if (!/^[\x21-\x7e]{1,10000}$/.test(key)) throw new DeclaredError('BAD_INPUT', 'The API key may hold letters, digits and signs only, no spaces or line breaks.');
    return key;
  }

  /** Opens a sealed text of any form. `BAD_INPUT` when it was not sealed to this gateway. */
  unsealText(sealed: string): string {
    try {
      return openSealed(this.sealingPrivateKey, sealed);
    } catch (error) {
      throw new DeclaredError('BAD_INPUT', 'The keys did not arrive intact; enter them again.', undefined, { cause: error });
    }
  }

  encryptModel(id: string, parameters: string): string {
    return encryptSecret(this.storageKey, parameters, JSON.stringify(['model', id]));
  }

  /** Throws when the row was moved to another model, or written with another master key. */
  decryptModel(id: string, stored: string): string {
    return decryptSecret(this.storageKey, stored, JSON.stringify(['model', id]));
  }

  encryptKey(userId: string, provider: string, key: string): string {
    return encryptSecret(this.storageKey, key, context(userId, provider));
  }

  /** Throws when the row was moved to another user or provider, or written with another master key. */
  decryptKey(userId: string, provider: string, stored: string): string {
    return decryptSecret(this.storageKey, stored, context(userId, provider));
  }
}

const context = (userId: string, provider: string): string => JSON.stringify(['provider key', userId, provider]);
