import { isRecord } from '../token-usage.ts';
import { parseJson } from './fields.ts';
import type { Proof } from './model-request.ts';

/** Marks what this gateway wrapped; no vendor's signature has a dot after three letters. */
const prefix = 'dh1.';
/** The scripted models' mark that nobody signed. */
const unsigned = 'unsigned';

/** A proof of one vendor in the opaque field of another's format, where clients keep it and send it back untouched. */
export function wrapProof(proof: Proof): string {
  return prefix + Buffer.from(JSON.stringify(proof)).toString('base64url');
}

/** What was wrapped; null for anything else. */
export function unwrapProof(text: string): Proof | null {
  if (!text.startsWith(prefix)) return null;
  const proof = parseJson(Buffer.from(text.slice(prefix.length), 'base64url').toString('utf8'));
  return isRecord(proof) && typeof proof.vendor === 'string' ? (proof as Proof) : null;
}

/** The proof in a thinking block's signature. */
export function proofOfSignature(signature: unknown): Proof | null {
  if (typeof signature !== 'string' || signature === '' || signature === unsigned) return null;
  return signature.startsWith(prefix) ? unwrapProof(signature) : { vendor: 'anthropic', signature };
}

export function proofOfRedacted(data: unknown): Proof | null {
  if (typeof data !== 'string' || data === '') return null;
  return data.startsWith(prefix) ? unwrapProof(data) : { vendor: 'anthropic', redacted: data };
}

/** A thinking block as Anthropic writes it; without a proof its signature is empty. */
export function thinkingBlock(text: string, proof: Proof | null): { type: 'thinking'; thinking: string; signature: string } | { type: 'redacted_thinking'; data: string } {
  if (proof?.vendor === 'anthropic') return 'redacted' in proof ? { type: 'redacted_thinking', data: proof.redacted } : { type: 'thinking', thinking: text, signature: proof.signature };
  if (proof !== null && text === '') return { type: 'redacted_thinking', data: wrapProof(proof) };
  return { type: 'thinking', thinking: text, signature: proof === null ? '' : wrapProof(proof) };
}
