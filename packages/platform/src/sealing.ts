import { createCipheriv, createDecipheriv, createHash, createPrivateKey, createPublicKey, diffieHellman, generateKeyPairSync, hkdfSync, randomBytes, type KeyObject } from 'node:crypto';

const x25519Spki = Buffer.from('302a300506032b656e032100', 'hex');
const x25519Pkcs8 = Buffer.from('302e020100300506032b656e04220420', 'hex');
const raw = (key: KeyObject): Buffer => Buffer.from(key.export({ format: 'jwk' }).x as string, 'base64url');

/** Derives a 32-byte key for one purpose from the master key (64 hex digits). */
export function deriveKey(masterKey: string, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', Buffer.from(masterKey, 'hex'), Buffer.alloc(0), `deskhand ${purpose}`, 32));
}

/** The X25519 key pair that belongs to 32 secret bytes; `publicKey` is raw, base64url. */
export function sealingKeys(secret: Buffer): { privateKey: KeyObject; publicKey: string } {
  const privateKey = createPrivateKey({ key: Buffer.concat([x25519Pkcs8, secret]), format: 'der', type: 'pkcs8' });
  return { privateKey, publicKey: raw(createPublicKey(privateKey)).toString('base64url') };
}

function boxKey(shared: Buffer, ephemeral: Buffer, receiver: Buffer): Buffer {
  return Buffer.from(hkdfSync('sha256', shared, Buffer.concat([ephemeral, receiver]), 'deskhand sealed box', 32));
}

/** Encrypts text so that only the holder of the private key reads it: ephemeral X25519, HKDF, AES-256-GCM. Base64url. */
export function seal(publicKey: string, text: string): string {
  const receiver = Buffer.from(publicKey, 'base64url');
  const receiverKey = createPublicKey({ key: Buffer.concat([x25519Spki, receiver]), format: 'der', type: 'spki' });
  const pair = generateKeyPairSync('x25519');
  const ephemeral = raw(pair.publicKey);
  const key = boxKey(diffieHellman({ privateKey: pair.privateKey, publicKey: receiverKey }), ephemeral, receiver);
  return Buffer.concat([ephemeral, encrypt(key, text, '')]).toString('base64url');
}

/** Opens what `seal` made; throws when it was not sealed to this key or was changed. */
export function openSealed(privateKey: KeyObject, sealed: string): string {
  const box = Buffer.from(sealed, 'base64url');
  const ephemeral = box.subarray(0, 32);
  const sender = createPublicKey({ key: Buffer.concat([x25519Spki, ephemeral]), format: 'der', type: 'spki' });
  const key = boxKey(diffieHellman({ privateKey, publicKey: sender }), ephemeral, raw(createPublicKey(privateKey)));
  return decrypt(key, box.subarray(32), '');
}

/** Encrypts text at rest: base64 of key id (4 bytes), nonce (12), ciphertext and tag. `context` (whose, what for) must be given again to read it. */
export function encryptSecret(key: Buffer, text: string, context: string): string {
  return Buffer.concat([keyId(key), encrypt(key, text, context)]).toString('base64');
}

/** Reads what `encryptSecret` wrote; throws when the key or the context is another one. */
export function decryptSecret(key: Buffer, stored: string, context: string): string {
  const bytes = Buffer.from(stored, 'base64');
  if (!bytes.subarray(0, 4).equals(keyId(key))) throw new Error('This secret was encrypted with another master key');
  return decrypt(key, bytes.subarray(4), context);
}

function keyId(key: Buffer): Buffer {
  return createHash('sha256').update('deskhand key id').update(key).digest().subarray(0, 4);
}

function encrypt(key: Buffer, text: string, context: string): Buffer {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(context));
  return Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
}

function decrypt(key: Buffer, bytes: Buffer, context: string): string {
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12)).setAAD(Buffer.from(context)).setAuthTag(bytes.subarray(-16));
  return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]).toString('utf8');
}
