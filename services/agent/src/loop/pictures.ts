import type { Image } from '@deskhand/contracts';
import type { ModelMessage, ModelRequest, ModelToolResult } from './model.ts';
import type { Pictures } from './ports.ts';

/** Pictures a request holds at most, and how many go at a time: what stays the same between two requests, a provider need not read again. */
const mostPictures = 10;
const batch = 8;

const tooOld = '[The picture was left out here: it is older than the last ones.]';
const unseen = '[The picture was left out: this model cannot see pictures.]';
const gone = '[The picture is not there any more.]';

/** The messages with their newest pictures only, three to ten of them. Follows from the messages alone. */
export function withRecentPictures(messages: readonly ModelMessage[]): ModelMessage[] {
  const all = messages.reduce((sum, message) => sum + (message.role === 'tool' ? message.results.reduce((count, result) => count + (result.images?.length ?? 0), 0) : 0), 0);
  let old = all <= mostPictures ? 0 : batch * Math.ceil((all - mostPictures) / batch);
  return withPictures(messages, () => (old-- > 0 ? tooOld : null));
}

export function withoutPictures(messages: readonly ModelMessage[]): ModelMessage[] {
  return withPictures(messages, () => unseen);
}

export function hasPictures({ messages }: ModelRequest): boolean {
  return messages.some((message) => message.role === 'tool' && message.results.some((result) => result.images !== undefined));
}

/** The request with what its pictures look like; those that are not there any more are told in words. */
export async function withPictureData(request: ModelRequest, pictures: Pictures): Promise<ModelRequest> {
  if (!hasPictures(request)) return request;
  const wanted = request.messages.flatMap((message) => (message.role === 'tool' ? message.results.flatMap(({ images = [] }) => images) : []));
  const data = await pictures.read(wanted);
  return { ...request, messages: withPictures(request.messages, ({ blob }) => (data.has(blob) ? null : gone)), pictures: data };
}

/** Leaves out the pictures for which `words` are given, in order, and says those instead. */
function withPictures(messages: readonly ModelMessage[], words: (image: Image) => string | null): ModelMessage[] {
  return messages.map((message) => (message.role === 'tool' ? { ...message, results: message.results.map((result) => resultWith(result, words)) } : message));
}

function resultWith(result: ModelToolResult, words: (image: Image) => string | null): ModelToolResult {
  if (result.images === undefined) return result;
  const { images, text, ...rest } = result;
  const verdicts = images.map((image) => ({ image, words: words(image) }));
  const left = verdicts.flatMap((verdict) => (verdict.words === null ? [verdict.image] : []));
  const said = verdicts.flatMap((verdict) => verdict.words ?? []);
  return { ...rest, text: [text, ...said].join('\n'), ...(left.length > 0 && { images: left }) };
}
