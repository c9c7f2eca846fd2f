import type { FilePart, ImagePart, MediaSource } from './model-request.ts';
import type { Fields } from './fields.ts';

const dataUrl = /^data:([^;,]*)(?:;[^;,]*)*;base64,/i;

/** A URL as a source: a `data:` URL becomes what it holds. */
export function sourceOfUrl(url: string): MediaSource {
  const found = dataUrl.exec(url.slice(0, 200));
  // Many programs call it so, and only some vendors take it.
  const mediaType = found?.[1]?.toLowerCase().replace(/^image\/jpg$/, 'image/jpeg') ?? '';
  return found ? { type: 'base64', mediaType, data: url.slice(found[0].length) } : { type: 'url', url };
}

/** A source as a URL; null for a vendor's own file, which has none. */
export function urlOf(source: MediaSource): string | null {
  if (source.type === 'url') return source.url;
  return source.type === 'base64' ? `data:${source.mediaType};base64,${source.data}` : null;
}

/** Anthropic's way to write a source. */
export function anthropicSource(source: MediaSource): Fields {
  if (source.type === 'base64') return { type: 'base64', media_type: source.mediaType, data: source.data };
  return source.type === 'url' ? { type: 'url', url: source.url } : { type: 'file', file_id: source.id };
}

/** A document's; one of plain text has its text there and not its bytes. */
export function anthropicDocument(source: MediaSource): Fields {
  if (source.type !== 'base64' || !source.mediaType.startsWith('text/')) return anthropicSource(source);
  return { type: 'text', media_type: 'text/plain', data: Buffer.from(source.data, 'base64').toString('utf8') };
}

export function image(source: MediaSource, detail: string | null, cache: unknown): ImagePart {
  return { type: 'image', source, ...(detail !== null && { detail }), ...(cache != null && { cache }) };
}

export function file(source: MediaSource, name: string | null, cache: unknown): FilePart {
  return { type: 'file', source, name, ...(cache != null && { cache }) };
}
