import { inputTokens, type TokenUsage } from './token-usage.ts';
import { pieces, type Turn, type TurnHeading } from './turn.ts';

const finishReasons = { end: 'stop', 'tool-calls': 'tool_calls', length: 'length' } as const;

function usageBody(usage: TokenUsage): object {
  const prompt = inputTokens(usage);
  return {
    prompt_tokens: prompt, completion_tokens: usage.output, total_tokens: prompt + usage.output,
    prompt_tokens_details: { cached_tokens: usage.cacheRead }, completion_tokens_details: { reasoning_tokens: usage.reasoning },
  };
}

/** A turn as the events of a chat completion stream, small piece by small piece. Reasoning goes into `reasoning_content`. */
export function* openaiChatEvents(turn: Turn, heading: TurnHeading, withUsage: boolean): Generator<string> {
  const base = { id: heading.id, object: 'chat.completion.chunk', created: heading.created, model: heading.model, system_fingerprint: null };
  const event = (choices: object[], usage: object | null): string => `data: ${JSON.stringify({ ...base, choices, ...(withUsage && { usage }) })}\n\n`;
  const delta = (fields: object, finish: string | null = null): string => event([{ index: 0, delta: fields, logprobs: null, finish_reason: finish }], null);
  yield delta({ role: 'assistant', content: '' });
  let call = -1;
  for (const part of turn.parts) {
    if (part.type === 'tool-call') {
      call++;
      yield delta({ tool_calls: [{ index: call, id: part.id, type: 'function', function: { name: part.name, arguments: '' } }] });
      for (const piece of pieces(part.arguments)) yield delta({ tool_calls: [{ index: call, function: { arguments: piece } }] });
    } else {
      const field = part.type === 'text' ? 'content' : 'reasoning_content';
      for (const piece of pieces(part.text)) yield delta({ [field]: piece });
    }
  }
  yield delta({}, finishReasons[turn.stop]);
  if (withUsage) yield event([], usageBody(turn.usage));
  yield 'data: [DONE]\n\n';
}

/** A turn as a whole chat completion. */
export function openaiChatAnswer(turn: Turn, heading: TurnHeading): object {
  const join = (type: 'text' | 'reasoning'): string => turn.parts.flatMap((part) => (part.type === type ? [part.text] : [])).join('');
  const calls = turn.parts.flatMap((part) => (part.type === 'tool-call' ? [{ id: part.id, type: 'function', function: { name: part.name, arguments: part.arguments } }] : []));
  const reasoning = join('reasoning');
  const message = { role: 'assistant', content: join('text') || null, refusal: null, ...(reasoning && { reasoning_content: reasoning }), ...(calls.length > 0 && { tool_calls: calls }) };
  return {
    id: heading.id, object: 'chat.completion', created: heading.created, model: heading.model, system_fingerprint: null,
    choices: [{ index: 0, message, logprobs: null, finish_reason: finishReasons[turn.stop] }], usage: usageBody(turn.usage),
  };
}
