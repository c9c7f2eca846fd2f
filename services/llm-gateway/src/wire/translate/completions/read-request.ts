import { readSampling } from '../chat/read-sampling.ts';
import { numberOf, recordOf, refuse, textOf, wordsOf, type Fields } from '../fields.ts';
import { emptyRequest, type ModelRequest } from '../model-request.ts';

/** A prompt as a conversation of one message. What only completions can do is refused. */
export function readCompletionRequest(body: Fields): ModelRequest {
  const request = emptyRequest(textOf(body.model) ?? '');
  request.stream = body.stream === true;
  request.wantsUsage = recordOf(body.stream_options)?.include_usage === true;
  for (const name of ['n', 'best_of']) if ((numberOf(body[name]) ?? 1) > 1) refuse(name, 'this model gives one answer a call.');
  if (wordsOf(body.suffix) !== null) refuse('suffix', 'this model writes on from a prompt, it does not fill in.');
  if (body.echo === true) refuse('echo', 'this model does not repeat the prompt.');
  if (typeof body.logprobs === 'number') refuse('logprobs', 'this model does not tell probabilities.');
  request.messages = [{ role: 'user', parts: [{ type: 'text', text: promptOf(body.prompt) }] }];
  request.maxOutput = numberOf(body.max_tokens);
  readSampling(request, body);
  request.user = wordsOf(body.user);
  return request;
}

function promptOf(prompt: unknown): string {
  const one: unknown = Array.isArray(prompt) && prompt.length === 1 ? prompt[0] : prompt;
  return wordsOf(one) ?? refuse('prompt', 'must be a text, one a call, and not tokens.');
}
