import { isStated, mayRefer, unreadBytes } from '../wire/unread-fields.ts';
import type { PricedPlace } from './most-expensive.ts';

type Body = Readonly<Record<string, unknown>>;

/**
 * The output that a body of any format may lead to, and the limit to be written into it: null where it states one that counts wherever
 * the call may end up. A field of another format is no limit, and of several the largest counts. What is written as text is a number to some and nothing to others.
 */
export function outputOf(body: Body, usual: number): { most: number; limit: number | null } {
  const [hasMessages, hasInput, hasPrompt] = [Object.hasOwn(body, 'messages'), Object.hasOwn(body, 'input'), Object.hasOwn(body, 'prompt')];
  const isChat = hasMessages && !hasInput && !hasPrompt;
  const isResponses = hasInput && !hasMessages;
  const isCompletion = hasPrompt && !hasMessages && !hasInput;
  const classic = isChat || isCompletion ? limitOf(body.max_tokens) : 0;
  const most = Math.max(classic, isChat ? limitOf(body.max_completion_tokens) : isResponses ? limitOf(body.max_output_tokens) : 0);
  if (most === 0 || typeof body.max_tokens === 'string' || typeof body.max_completion_tokens === 'string') return { most: usual, limit: usual };
  // Messages know `max_tokens` only.
  return { most, limit: isChat && classic === 0 ? most : null };
}

/** 0: it is none. */
const limitOf = (value: unknown): number => (typeof value === 'number' && value > 0 ? value : 0);

/** How many answers it asks for; some servers take numbers as text. */
export const answersOf = (body: Body): number => Math.max(1, wholeOf(body.n), wholeOf(body.best_of));

const wholeOf = (count: unknown): number => (typeof count === 'number' || typeof count === 'string' ? Math.ceil(Number(count)) || 1 : 1);

/** What reads something that no bytes of the body tell the size of: a document, a conversation that the provider keeps, a tool that it runs itself. */
const elsewhereTokens = 200_000;

/** More than vendors count for a picture in full resolution. One small model counts far more, at a price that makes up for it. */
export const pictureTokensAt = (places: readonly NamedPlace[]): number => (places.some((place) => isNamed(place, /4o-mini/i)) ? 50_000 : 12_000);

type NamedPlace = Pick<PricedPlace, 'model' | 'baseModel'>;
const isNamed = ({ model, baseModel }: NamedPlace, name: RegExp): boolean => name.test(model) || (baseModel != null && name.test(baseModel));

/** Tokens of input that a request can be at most: no text has more of them than bytes. */
export function inputOf(body: Body, raw: Buffer, pictureTokens: number): number {
  let tokens = raw.length;
  for (const name of kept) if (Object.hasOwn(body, 'input') && isThere(body[name])) tokens += elsewhereTokens;
  for (const name of fetching) if (isThere(body[name])) tokens += elsewhereTokens;
  // Who has the conversation shortened first pays for reading and writing that, too.
  if (listOf(fieldsOf(body.context_management).edits).some((edit) => String(fieldsOf(edit).type).startsWith('compact'))) tokens += raw.length + elsewhereTokens;
  if (isThere(fieldsOf(fieldsOf(body.extra_body).google).cached_content)) tokens += elsewhereTokens;
  tokens += toolTokensOf(body);
  if (explained.some((name) => isStated(body, name)) || called.some((word) => raw.includes(word))) tokens += explanationTokens;
  if (isStated(body, 'messages') && mayRefer(body, 'messages')) for (const message of listOf(body.messages)) tokens += namedBy(fieldsOf(message), pictureTokens);
  // An item that the provider keeps may be named by nothing but its id.
  if (isStated(body, 'input') && (mayRefer(body, 'input') || raw.includes('"id"') || raw.includes('"additional_tools"'))) {
    for (const item of listOf(body.input)) tokens += namedBy(fieldsOf(item), pictureTokens) + (isKeptItem(fieldsOf(item)) ? elsewhereTokens : 0);
  }
  return tokens;
}

const kept = ['previous_response_id', 'conversation', 'prompt'];
/** By which providers, or those between, are asked to bring in more. */
const fetching = ['mcp_servers', 'web_search_options', 'search_parameters', 'plugins', 'cached_content'];

/** What vendors tell a model unseen about its tools, and about the form that is asked of its answer: hundreds of tokens, however short the request is. */
const explanationTokens = 1_000;
const explained = ['tools', 'functions', 'response_format', 'output_config', 'output_format', 'text'];
/** What tells of calls, whose tools are defined then. */
const called = ['"tool_calls"', '"tool_use"', '"function_call"'];

/** Whether any of it may be kept in a cache for an hour, which costs more. Only Claude is asked for that by a word of the body. */
export const mayKeepForAnHour = (places: readonly NamedPlace[], raw: Buffer): boolean => places.every((place) => !isNamed(place, /claude/i)) || hour.some((word) => raw.includes(word));
const hour = ['"1h"', '\\u0031', '\\u0068'];

const namedBy = (message: Body, pictureTokens: number): number => namedIn(message.content, pictureTokens) + namedIn(message.output, pictureTokens) + toolTokens(message.tools);
const isKeptItem = ({ type, role, id }: Body): boolean => type === 'item_reference' || ((type ?? role ?? null) === null && isThere(id));

/** Tokens of what is named beside the bytes, of one part or a list of them. The bytes of a picture are none. */
function namedIn(content: unknown, pictureTokens: number): number {
  let tokens = 0;
  for (const part of Array.isArray(content) ? content : [content]) {
    const fields = fieldsOf(part);
    const source = fieldsOf(fields.source);
    const { isPicture, data } = pictureIn(fields, source);
    if (isPicture) tokens += pictureTokens - data.length;
    else if (hasFile(fields, source)) tokens += elsewhereTokens;
    // Results of tools hold parts of their own, as documents may.
    if (fields.type === 'tool_result') tokens += namedIn(fields.content, pictureTokens);
    else if (source.type === 'content') tokens += namedIn(source.content, pictureTokens);
  }
  return tokens;
}

/** `data`: what is in the body itself of it. */
function pictureIn(fields: Body, source: Body): { isPicture: boolean; data: string } {
  if (fields.type === 'image') return { isPicture: true, data: typeof source.data === 'string' ? source.data : '' };
  const url = fieldsOf(fields.image_url).url ?? fields.image_url;
  const isHere = typeof url === 'string' && url.startsWith('data:');
  // Some take any file as the URL of a picture.
  const isPicture = isHere ? url.startsWith('data:image/') : isThere(url) || ((fields.type === 'input_image' || fields.type === 'computer_screenshot') && isThere(fields.file_id));
  return { isPicture, data: isPicture && isHere ? url : '' };
}

const hasFile = ({ image_url, file, file_id, file_url, file_data }: Body, source: Body): boolean =>
  [image_url, file_id, file_url, file_data, fieldsOf(file).file_id, fieldsOf(file).file_data, source.file_id, source.url, source.type === 'text' ? undefined : source.data].some(isThere);

/** Agents send the same long list with every call: what was found in it is remembered by its bytes. */
const knownLists: { bytes: Buffer; tokens: number }[] = [];
const [mostLists, longestList] = [32, 256 * 1024];

function toolTokensOf(body: Body): number {
  const bytes = unreadBytes(body, 'tools');
  const known = bytes && knownLists.find((list) => list.bytes.equals(bytes));
  if (known) return known.tokens;
  const tokens = toolTokens(body.tools);
  if (bytes !== null && bytes.length <= longestList && knownLists.unshift({ bytes: Buffer.from(bytes), tokens }) > mostLists) knownLists.pop();
  return tokens;
}

/** What tools take beside their bytes: those that the provider runs itself bring in text, or have a fee; those that it made for callers to run are explained by it. */
function toolTokens(tools: unknown): number {
  let tokens = 0;
  for (const tool of listOf(tools)) {
    const { type, name, function: called, tools: inner } = fieldsOf(tool);
    if (type === 'namespace') tokens += toolTokens(inner);
    else if (typeof type !== 'string') tokens += (name ?? called) === undefined ? elsewhereTokens : 0;
    else if (type !== 'function' && type !== 'custom') tokens += clientTool.test(type) ? explanationTokens : elsewhereTokens;
  }
  return tokens;
}

/** Run by who calls, or looked for among what the request itself says. */
const clientTool = /^(local_shell|apply_patch|computer\w*|(bash|text_editor|memory)_\d+|tool_search\w*)$/;

const isThere = (value: unknown): boolean => value !== undefined && value !== null && value !== '';
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> => (typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {});
