import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import { DeclaredError } from '@deskhand/contracts';
import { deriveKey } from '../sealing.ts';
import type { BlobDriver } from './blob-driver.ts';
import { ScopeSizes } from './scope-sizes.ts';

export interface BlobLimits {
  /** Bytes of one blob. */
  blob: number;
  /** Bytes of all blobs of a scope, sealed; the oldest go when there are more. */
  scope: number;
}

const megabyte = 1024 ** 2;
export const blobLimits: BlobLimits = { blob: 16 * megabyte, scope: 500 * megabyte };

const version = 1;
const nonceLength = 12;
const tagLength = 16;
const idPattern = /^[0-9a-f]{64}$/;

/**
 * Keeps pictures and files that are too big for messages, each in a scope (a conversation). Content-addressed within its
 * scope and encrypted: whoever reads the storage sees neither scopes nor contents, nor that two scopes hold the same.
 */
export class BlobStore {
  readonly #contentKey: Buffer;
  readonly #nameKey: Buffer;
  readonly #sizes: ScopeSizes;

  /** `key`: 64 hexadecimal digits, of the blobs alone. */
  constructor(private readonly driver: BlobDriver, key: string, private readonly limits: BlobLimits = blobLimits) {
    this.#contentKey = deriveKey(key, 'blob contents');
    this.#nameKey = deriveKey(key, 'blob names');
    this.#sizes = new ScopeSizes(driver, limits.scope);
  }

  /** Kept when it resolves. The same bytes again have the same id, and are young again. `TOO_LARGE` beyond the limit. */
  async put(scope: string, bytes: Uint8Array, mediaType: string): Promise<{ id: string }> {
    if (bytes.length > this.limits.blob) throw new DeclaredError('TOO_LARGE', `A file of ${bytes.length} bytes is too large to keep; ${this.limits.blob} are the most`);
    const folder = this.#folder(scope);
    const id = this.#name('blob', scope, mediaType, bytes);
    const sealed = this.#seal(folder, id, bytes, mediaType);
    await this.driver.write(folder, id, sealed);
    await this.#sizes.added(folder, id, sealed.length);
    return { id };
  }

  /** Null for what is not there (any more), and for what is no id at all. Throws when what is kept was changed. */
  async get(scope: string, id: string): Promise<{ bytes: Buffer; mediaType: string } | null> {
    if (!idPattern.test(id)) return null;
    const folder = this.#folder(scope);
    const sealed = await this.driver.read(folder, id);
    return sealed === null ? null : this.#open(folder, id, sealed);
  }

  /** Everything of the scope goes. */
  async removeScope(scope: string): Promise<void> {
    const folder = this.#folder(scope);
    this.#sizes.forget(folder);
    await this.driver.removeFolder(folder);
  }

  #folder(scope: string): string {
    return this.#name('scope', scope).slice(0, 32);
  }

  /** Each part is preceded by its length, so that no two lists of parts read the same. */
  #name(...parts: (string | Uint8Array)[]): string {
    const hash = createHmac('sha256', this.#nameKey);
    for (const part of parts) {
      const bytes = typeof part === 'string' ? Buffer.from(part) : part;
      const length = Buffer.alloc(4);
      length.writeUInt32BE(bytes.length);
      hash.update(length).update(bytes);
    }
    return hash.digest('hex');
  }

  /** Version (1 byte), nonce, then sealed: length of the media type (1 byte), media type, content. */
  #seal(folder: string, id: string, bytes: Uint8Array, mediaType: string): Buffer {
    const type = Buffer.from(mediaType);
    if (type.length > 255) throw new DeclaredError('BAD_INPUT', 'The media type is too long');
    const nonce = randomBytes(nonceLength);
    const cipher = createCipheriv('aes-256-gcm', this.#contentKey, nonce).setAAD(Buffer.from(`${folder}/${id}`));
    return Buffer.concat([Buffer.from([version]), nonce, cipher.update(Buffer.from([type.length])), cipher.update(type), cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
  }

  #open(folder: string, id: string, sealed: Buffer): { bytes: Buffer; mediaType: string } {
    if (sealed.length < 1 + nonceLength + 1 + tagLength || sealed[0] !== version) throw new Error('A blob is damaged, or of a later version');
    const nonce = sealed.subarray(1, 1 + nonceLength);
    const decipher = createDecipheriv('aes-256-gcm', this.#contentKey, nonce).setAAD(Buffer.from(`${folder}/${id}`)).setAuthTag(sealed.subarray(-tagLength));
    const opened = Buffer.concat([decipher.update(sealed.subarray(1 + nonceLength, -tagLength)), decipher.final()]);
    const start = 1 + (opened[0] ?? 0);
    return { mediaType: opened.toString('utf8', 1, start), bytes: opened.subarray(start) };
  }
}
