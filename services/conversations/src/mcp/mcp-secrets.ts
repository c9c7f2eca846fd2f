import { Injectable } from '@nestjs/common';
import { DeclaredError, mcpSecretContext, mcpSecretPurpose } from '@deskhand/contracts';
import { decryptSecret, deriveKey, encryptSecret, openSealed, sealingKeys } from '@deskhand/platform';
import { conversationsConfig } from '../configuration.ts';

type Values = Record<string, string>;
export type SecretKind = 'environment' | 'headers';

/** Characters of all values of one kind together: they have to fit into one variable of a process. */
const maximumSize = 32_000;

/** Variables and headers of MCP servers: sealed on their way here, encrypted at rest, opened only where they are used. */
@Injectable()
export class McpSecrets {
  private readonly pair = sealingKeys(deriveKey(conversationsConfig.value.MASTER_KEY, 'conversations mcp secret sealing'));
  private readonly key = deriveKey(conversationsConfig.value.MASTER_KEY, mcpSecretPurpose);

  get publicKey(): string {
    return this.pair.publicKey;
  }

  /** Names of what is stored. */
  names(serverId: string, kind: SecretKind, stored: string | null): string[] {
    return Object.keys(this.open(serverId, kind, stored));
  }

  /** What is stored after a change: `null` keeps the value of that name, what is not named goes. */
  changed(serverId: string, kind: SecretKind, stored: string | null, given: Readonly<Record<string, string | null>>): string | null {
    const before = this.open(serverId, kind, stored);
    const values: Values = {};
    for (const [name, sealed] of Object.entries(given)) {
      if (sealed !== null) values[name] = this.unseal(sealed);
      else if (before[name] !== undefined) values[name] = before[name];
    }
    if (Object.keys(values).length === 0) return null;
    const text = JSON.stringify(values);
    if (text.length > maximumSize) throw new DeclaredError('BAD_INPUT', `All values together may have ${maximumSize} characters`);
    return encryptSecret(this.key, text, mcpSecretContext(serverId, kind));
  }

  private open(serverId: string, kind: SecretKind, stored: string | null): Values {
    return stored === null ? {} : (JSON.parse(decryptSecret(this.key, stored, mcpSecretContext(serverId, kind))) as Values);
  }

  private unseal(sealed: string): string {
    try {
      return openSealed(this.pair.privateKey, sealed);
    } catch (error) {
      throw new DeclaredError('BAD_INPUT', 'A value did not arrive intact; enter it again.', undefined, { cause: error });
    }
  }
}
