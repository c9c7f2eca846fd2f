import { listAt, recordOf, recordsOf, refuse, shown, textOf, wordsOf, type Fields } from '../fields.ts';
import { file, image } from '../media.ts';
import { foundWords } from './read-tools.ts';
import type { MediaSource, Part } from '../model-request.ts';
import { proofOfRedacted, proofOfSignature } from '../proof.ts';

/** What Anthropic's own services did during an answer, kept by clients: nobody else can go on from it. */
const servicesOwn = /^(server_tool_use|container_upload|compaction|fallback|mcp_tool_use)$|_tool_result$/;

/** A string or a list of blocks. */
export function readParts(content: unknown, path: string): Part[] {
  if (content == null) return [];
  if (typeof content === 'string') return content === '' ? [] : [{ type: 'text', text: content }];
  return listAt(content, path).flatMap((block, index) => readBlock(block, `${path}.${index}`));
}

function readBlock(block: Fields, path: string): Part[] {
  const cache = block.cache_control ?? undefined;
  const cached = cache === undefined ? {} : { cache };
  switch (block.type) {
    case 'text': return block.text === '' ? [] : [{ type: 'text', text: textOf(block.text) ?? refuse(`${path}.text`, 'must be text.'), ...cached }];
    case 'image': return [image(readSource(block.source, path), null, cache)];
    case 'document': return readDocument(block, path);
    case 'search_result': return [{ type: 'text', text: [textOf(block.title), textOf(block.source), ...readText(block.content)].filter(Boolean).join('\n'), ...cached }];
    case 'thinking': return [{ type: 'reasoning', text: textOf(block.thinking) ?? '', proof: proofOfSignature(block.signature) }];
    case 'redacted_thinking': return [{ type: 'reasoning', text: '', proof: proofOfRedacted(block.data) }];
    case 'tool_use': return [{ type: 'tool-call', kind: 'function', id: textOf(block.id) ?? '', name: textOf(block.name) ?? '', namespace: null, input: JSON.stringify(block.input ?? {}), ...cached }];
    case 'tool_result': return [{ type: 'tool-result', kind: 'function', id: textOf(block.tool_use_id) ?? '', parts: readParts(block.content, `${path}.content`), failed: block.is_error === true, ...cached }];
    case 'tool_reference': return [{ type: 'text', text: foundWords(textOf(block.tool_name) ?? '') }];
    default:
      if (typeof block.type === 'string' && servicesOwn.test(block.type)) return [];
      return refuse(`${path}.type`, `a block of the type ${shown(block.type)} cannot be translated for this model.`);
  }
}

const readText = (content: unknown): string[] => recordsOf(content).flatMap((block) => textOf(block.text) ?? []);

function readSource(value: unknown, path: string): MediaSource {
  const source = recordOf(value);
  if (source?.type === 'base64' && typeof source.data === 'string') return { type: 'base64', mediaType: textOf(source.media_type) ?? 'application/octet-stream', data: source.data };
  if (source?.type === 'url' && typeof source.url === 'string') return { type: 'url', url: source.url };
  if (source?.type === 'file' && typeof source.file_id === 'string') return { type: 'file', id: source.file_id };
  return refuse(`${path}.source`, 'must be base64, a URL or a file.');
}

function readDocument(block: Fields, path: string): Part[] {
  const source = recordOf(block.source);
  const title = wordsOf(block.title);
  const cache = block.cache_control ?? undefined;
  if (source?.type === 'text') return [{ type: 'text', text: [title, textOf(block.context), textOf(source.data)].filter(Boolean).join('\n'), ...(cache !== undefined && { cache }) }];
  if (source?.type === 'content') return readParts(source.content, `${path}.source.content`);
  return [file(readSource(source, path), title, cache)];
}
