import { isStated, mayRefer } from '../wire/unread-fields.ts';

type Body = Readonly<Record<string, unknown>>;

/**
 * The output that a body of any format may lead to, and the limit to be written into it: null where it states one that counts wherever
 * the call may end up. A field of another format is no limit, and of several the largest counts.
 */
export function outputOf(body: Body, usual: number): { most: number; limit: number | null } {
  const [hasMessages, hasInput, hasPrompt] = [Object.hasOwn(body, 'messages'), Object.hasOwn(body, 'input'), Object.hasOwn(body, 'prompt')];
  const isChat = hasMessages && !hasInput && !hasPrompt;
  const isResponses = hasInput && !hasMessages;
  const isCompletion = hasPrompt && !hasMessages && !hasInput;
  const classic = isChat || isCompletion ? limitOf(body.max_tokens) : 0;
  const most = Math.max(classic, isChat ? limitOf(body.max_completion_tokens) : isResponses ? limitOf(body.max_output_tokens) : 0);
  if (most === 0) return { most: usual, limit: usual };
  // Messages know `max_tokens` only.
  return { most, limit: isChat && classic === 0 ? most : null };
}

/** 0: it is none. */
const limitOf = (value: unknown): number => (typeof value === 'number' && value > 0 ? value : 0);

/** What a provider fetches itself: a picture, and anything longer (a document, a conversation that it has kept). */
const pictureTokens = 5_000;
const elsewhereTokens = 200_000;

/** Tokens of input that a request can be at most: hardly any text has shorter ones than two bytes; what it only names is longer than its name. */
export function inputOf(body: Body, requestBytes: number): number {
  let tokens = Math.ceil(requestBytes / 2);
  for (const name of ['previous_response_id', 'conversation', 'prompt']) if (Object.hasOwn(body, 'input') && isThere(body[name])) tokens += elsewhereTokens;
  const name = isStated(body, 'messages') ? 'messages' : 'input';
  if (!mayRefer(body, name)) return tokens;
  for (const message of listOf(body[name])) tokens += namedIn(fieldsOf(message).content) + namedIn(fieldsOf(message).output);
  return tokens;
}

function namedIn(content: unknown): number {
  let tokens = 0;
  for (const part of listOf(content)) {
    const fields = fieldsOf(part);
    const source = fieldsOf(fields.source);
    const picture = [fieldsOf(fields.image_url).url ?? fields.image_url, fields.type === 'image' ? source.url : undefined].some(isElsewhere);
    const file = [fields.file_url, fieldsOf(fields.file).file_id, fields.file_id, source.file_id, fields.type === 'image' ? undefined : source.url].some(isThere);
    if (picture) tokens += pictureTokens;
    else if (file) tokens += elsewhereTokens;
    // Results of tools hold parts of their own.
    if (fields.type === 'tool_result') tokens += namedIn(fields.content);
  }
  return tokens;
}

const isThere = (value: unknown): boolean => value !== undefined && value !== null && value !== '';
const isElsewhere = (url: unknown): boolean => typeof url === 'string' && url !== '' && !url.startsWith('data:');
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> => (typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {});
