import { z } from 'zod';
import { imageType, mcpLimits, type CallResult } from './formats.ts';
import { plain } from './mcp-failure.ts';

const data = z.string().max(mcpLimits.message * 2);
const content = z.union([
  z.object({ type: z.literal('text'), text: z.string() }),
  z.object({ type: z.enum(['image', 'audio']), data, mimeType: z.string() }),
  z.object({ type: z.literal('resource'), resource: z.object({ uri: z.string(), mimeType: z.string().optional(), text: z.string().optional(), blob: data.optional() }) }),
  z.object({ type: z.literal('resource_link'), uri: z.string(), name: z.string().optional() }),
  z.object({ type: z.string() }),
]);

/** As much of an answer to `tools/call` as is read. */
export const calledTool = z.object({ content: z.array(content).max(1_000).optional(), structuredContent: z.unknown().optional(), isError: z.boolean().optional().catch(undefined) });

/** What a call came to, as text and pictures within the limits. */
export function callResultOf({ content: blocks = [], structuredContent, isError = false }: z.infer<typeof calledTool>): CallResult {
  const images: CallResult['images'] = [];
  const texts = blocks.map((block) => {
    if ('text' in block) return block.text;
    if ('data' in block) return block.type === 'image' ? pictureOf(block.mimeType, block.data, images) : `[audio of type ${plain(block.mimeType)}, left out]`;
    if ('resource' in block) return resourceWords(block.resource, images);
    if ('uri' in block) return `[link${block.name ? ` to ${plain(block.name)}` : ''}: ${plain(block.uri)}]`;
    return `[${plain(block.type)}, left out]`;
  }).filter((text) => text !== '');
  if (texts.length === 0 && images.length === 0 && structuredContent !== undefined) texts.push(JSON.stringify(structuredContent));
  return { text: shortened(texts.join('\n')), is_error: isError, images };
}

function resourceWords({ uri, mimeType, text, blob }: { uri: string; mimeType?: string | undefined; text?: string | undefined; blob?: string | undefined }, images: CallResult['images']): string {
  const head = `[${plain(uri)}]`;
  if (text !== undefined) return `${head}\n${text}`;
  if (blob !== undefined && mimeType?.startsWith('image/')) return [head, pictureOf(mimeType, blob, images)].filter((part) => part !== '').join('\n');
  return `${head} (${plain(mimeType ?? 'unknown type')}, left out)`;
}

/** Keeps the picture; words when it cannot be kept. */
function pictureOf(type: string, base64: string, images: CallResult['images']): string {
  const known = imageType.safeParse(type.toLowerCase());
  if (!known.success) return `[picture of type ${plain(type)}, left out]`;
  if (images.length >= mcpLimits.images) return `[picture left out: a result may show ${mcpLimits.images}]`;
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.length === 0 || bytes.length > mcpLimits.image) return `[picture of ${bytes.length} bytes, left out: a picture may have ${mcpLimits.image}]`;
  images.push({ media_type: known.data, bytes });
  return '';
}

/** The beginning and the end of a long text, with a line that says how much is missing. */
export function shortened(text: string, limit: number = mcpLimits.text): string {
  const whole = text.toWellFormed().replaceAll('\0', '\u2400');
  if (whole.length <= limit) return whole;
  const half = Math.floor((limit - 80) / 2);
  return `${whole.slice(0, half)}\n[${(whole.length - 2 * half).toLocaleString('en')} characters left out here]\n${whole.slice(-half)}`.toWellFormed();
}
