import type { ApiFormat } from './formats.ts';
import { clientSides } from './translate/formats.ts';
import type { Part } from './translate/model-request.ts';
import { isStated, mayRefer } from './unread-fields.ts';
import { asWireError } from './wire-format.ts';

/** Bytes of text a token stands for, on average over prose and code. */
const bytesPerToken = 3.6;
/** What a message, a call or a tool costs beside its words. */
const overhead = 5;
/** A picture whose size nobody looked at. */
const pictureTokens = 1_500;
/** A page of a document holds about so many tokens for so many bytes. */
const documentBytesPerToken = 20;

/**
 * About how many tokens a request is, for a provider that cannot be asked: by the length of its words and a flat price for
 * pictures, never by the length of their data. Throws `WireError` for what is not a request.
 */
export function estimatedTokens(format: ApiFormat, body: Record<string, unknown>): number {
  const request = clientSides[format].read(body);
  let bytes = 0;
  let flat = overhead * (request.messages.length + request.tools.length);
  const add = (text: string): void => { bytes += Buffer.byteLength(text); };
  const walk = (part: Part): void => {
    switch (part.type) {
      case 'text': case 'refusal': case 'reasoning': add(part.text); break;
      case 'image': flat += pictureTokens; break;
      case 'file': flat += part.source.type === 'base64' ? Math.ceil(part.source.data.length / documentBytesPerToken) : pictureTokens; break;
      case 'tool-call': flat += overhead; add(part.name); add(part.input); break;
      case 'tool-result': flat += overhead; part.parts.forEach(walk);
    }
  };
  for (const message of request.messages) message.parts.forEach(walk);
  for (const tool of request.tools) {
    add(tool.name);
    add(tool.description ?? '');
    add(JSON.stringify(tool.parameters ?? ''));
  }
  return Math.ceil(bytes / bytesPerToken) + flat;
}

/** A shorter request has no room for a picture that weighs more as text. */
const picturesFrom = 8_192;

/** The same at less cost, for routing: by the bytes alone where it is certain that no picture is among them. */
export function roughTokens(format: ApiFormat, body: Record<string, unknown>, bytes: number): number {
  const byBytes = Math.ceil(bytes / 4);
  if (bytes < picturesFrom || !mayRefer(body, isStated(body, 'messages') ? 'messages' : 'input')) return byBytes;
  try {
    return estimatedTokens(format, body);
  } catch (error) {
    if (asWireError(error) === null) throw error;
    return byBytes;
  }
}
