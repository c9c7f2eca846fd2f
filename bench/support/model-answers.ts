const created = 1_760_000_000;
const usage = { prompt_tokens: 57, completion_tokens: 98, total_tokens: 155, prompt_tokens_details: { cached_tokens: 0 }, completion_tokens_details: { reasoning_tokens: 0 } };

/** One event of a stream: `data: …` and the empty line. */
const event = (data: object): Buffer => Buffer.from(`data: ${JSON.stringify({ id: 'chatcmpl-Cx4BqEw8bnch0001', object: 'chat.completion.chunk', created, model: 'bench-model', ...data })}\n\n`);
const delta = (content: string): Buffer => event({ choices: [{ index: 0, delta: { content }, logprobs: null, finish_reason: null }], usage: null });

const words = ['The', ' quick', ' brown', ' fox', ' jumps', ' over', ' the', ' lazy', ' dog', '.'];

/** A streamed answer of a hundred events and its end, as OpenAI's service writes it. */
export const events: readonly Buffer[] = [
  event({ choices: [{ index: 0, delta: { role: 'assistant', content: '' }, logprobs: null, finish_reason: null }], usage: null }),
  ...Array.from({ length: 97 }, (_, index) => delta(words[index % words.length]!)),
  event({ choices: [{ index: 0, delta: {}, logprobs: null, finish_reason: 'stop' }], usage: null }),
  event({ choices: [], usage }),
  Buffer.from('data: [DONE]\n\n'),
];

export const asChunk = (bytes: Buffer): Buffer => Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);

export const streamHead = Buffer.from('HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\nx-request-id: req_bench\r\ntransfer-encoding: chunked\r\nconnection: keep-alive\r\n\r\n');

/** The whole streamed answer with its head, every event a chunk of its own. */
export const burst = Buffer.concat([streamHead, ...events.map(asChunk), Buffer.from('0\r\n\r\n')]);

const answer = Buffer.from(JSON.stringify({
  id: 'chatcmpl-Cx4BqEw8bnch0001', object: 'chat.completion', created, model: 'bench-model',
  choices: [{ index: 0, message: { role: 'assistant', content: words.join('').repeat(5), refusal: null, annotations: [] }, logprobs: null, finish_reason: 'stop' }],
  usage, service_tier: 'default', system_fingerprint: null,
}));

/** A whole answer with its head. */
export const whole = Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: req_bench\r\ncontent-length: ${answer.length}\r\nconnection: keep-alive\r\n\r\n`), answer]);
