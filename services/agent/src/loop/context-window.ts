import type { ModelMessage, ModelRequest } from './model.ts';

/** Assumed where the gateway does not know a model's window. */
const commonWindow = 128_000;
/** Tokens kept free for the answer: at least these, at most a quarter of a small window. */
const answerTokens = 8_192;
/** Characters a token stands for, chosen low: an estimate that is too high costs history, one too low costs the call. */
const charactersPerToken = 3;
/** What a picture of the whole desktop costs with the common models. */
const pictureTokens = 1_500;
const removed = '[This output was left out to keep the conversation within the model\'s limits.]';

/**
 * A request that fits the model's window, as far as an estimate can tell. There is no summary of what goes, so the order
 * says what is missed least: outputs of old tool calls, oldest first; then whole old exchanges between the first message
 * (the task) and the newest ones; at last the middle of what remains and is long. System prompt and tools always stay.
 */
export function fitToWindow(request: ModelRequest, contextWindow: number | null): ModelRequest {
  const window = contextWindow ?? commonWindow;
  const fixed = tokensOf(request.system) + tokensOf(JSON.stringify(request.tools));
  const room = Math.max(window - Math.min(answerTokens, Math.floor(window / 4)) - fixed, 1_000);
  let messages = [...request.messages];
  if (total(messages) <= room) return request;
  messages = withoutOldOutputs(messages, room);
  messages = withoutOldExchanges(messages, room);
  messages = shortened(messages, room);
  return { ...request, messages };
}

/** Tokens of a message, estimated. */
export function estimate(message: ModelMessage): number {
  if (message.role === 'user') return tokensOf(message.text);
  if (message.role === 'tool') return message.results.reduce((sum, result) => sum + tokensOf(result.text) + 8 + pictureTokens * (result.images?.length ?? 0), 0);
  return tokensOf(JSON.stringify(message.blocks));
}

function tokensOf(text: string): number {
  return Math.ceil(text.length / charactersPerToken) + 4;
}

function total(messages: readonly ModelMessage[]): number {
  return messages.reduce((sum, message) => sum + estimate(message), 0);
}

function withoutOldOutputs(messages: ModelMessage[], room: number): ModelMessage[] {
  const fitting = [...messages];
  let size = total(fitting);
  // The results the model has not answered yet stay: they are what it asked for.
  const last = fitting.findLastIndex((message) => message.role === 'tool');
  for (const [index, message] of fitting.entries()) {
    if (size <= room) break;
    if (message.role !== 'tool' || index === last) continue;
    const lean: ModelMessage = { ...message, results: message.results.map(({ images, ...result }) => (images !== undefined || result.text.length > removed.length ? { ...result, text: removed } : result)) };
    size += estimate(lean) - estimate(message);
    fitting[index] = lean;
  }
  return fitting;
}

/** An assistant message goes with the results of its calls: providers refuse one without the other. */
function withoutOldExchanges(messages: ModelMessage[], room: number): ModelMessage[] {
  const fitting = [...messages];
  const task = fitting.findIndex((message) => message.role === 'user');
  let size = total(fitting);
  for (let from = task + 1; size > room; ) {
    const until = fitting[from + 1]?.role === 'tool' ? from + 2 : from + 1;
    // The newest exchange and whatever the person said last stay.
    const lastUser = fitting.findLastIndex((message) => message.role === 'user');
    if (until >= fitting.length || from === lastUser) {
      if (from !== lastUser || until >= fitting.length - 2) break;
      from = until;
      continue;
    }
    size -= total(fitting.splice(from, until - from));
  }
  return fitting;
}

function shortened(messages: ModelMessage[], room: number): ModelMessage[] {
  const size = total(messages);
  if (size <= room) return messages;
  const share = room / size;
  const cut = (text: string) => middleCut(text, Math.max(400, Math.floor(text.length * share * 0.9)));
  return messages.map((message) => {
    if (message.role === 'user') return { ...message, text: cut(message.text) };
    if (message.role === 'tool') return { ...message, results: message.results.map((result) => ({ ...result, text: cut(result.text) })) };
    return { ...message, blocks: message.blocks.map((block) => (block.type === 'text' ? { ...block, text: cut(block.text) } : block)) };
  });
}

function middleCut(text: string, length: number): string {
  if (text.length <= length) return text;
  const half = Math.floor(length / 2);
  return `${text.slice(0, half)}\n[… ${text.length - 2 * half} characters left out …]\n${text.slice(-half)}`.toWellFormed();
}
