import { ModelError, type Model, type ModelEvent, type ModelRequest, type Models } from '../../src/loop/model.ts';

export type ScriptedAnswer = (ModelEvent | ModelError | 'hang')[];

/** A model that answers by script: the next answer follows from the request alone, so that a step made again is the same. */
export class ScriptedModel implements Model, Models {
  readonly label = 'scripted';
  readonly requests: ModelRequest[] = [];
  contextWindow: number | null = null;
  sees = true;
  /** Failures that come instead of the next answers. */
  readonly failures: ScriptedAnswer[] = [];

  constructor(private readonly answer: (request: ModelRequest, step: number) => ScriptedAnswer) {}

  async resolve(): Promise<Model> {
    return this;
  }

  async *stream(request: ModelRequest, signal: AbortSignal): AsyncIterable<ModelEvent> {
    this.requests.push(request);
    const step = request.messages.filter((message) => message.role === 'assistant').length;
    for (const event of this.failures.shift() ?? this.answer(request, step)) {
      await Promise.resolve();
      if (signal.aborted) return;
      if (event === 'hang') await new Promise((resolve) => signal.addEventListener('abort', resolve));
      else if (event instanceof ModelError) throw event;
      else yield event;
    }
  }
}

/** Events of an answer: text in pieces, then calls whose arguments come interleaved. */
export function answer({ reasoning, text = '', calls = [] }: { reasoning?: string; text?: string; calls?: { name: string; arguments: unknown }[] }): ModelEvent[] {
  const events: ModelEvent[] = [];
  let index = 0;
  if (reasoning !== undefined) {
    for (const piece of pieces(reasoning)) events.push({ type: 'reasoning', index, text: piece });
    events.push({ type: 'reasoning-opaque', index: index++, opaque: { signature: 's' } });
  }
  if (text !== '') {
    for (const piece of pieces(text)) events.push({ type: 'text', index, text: piece });
    index += 1;
  }
  const first = index;
  for (const call of calls) events.push({ type: 'tool-call', index: index++, name: call.name });
  const texts = calls.map((call) => pieces(typeof call.arguments === 'string' ? call.arguments : JSON.stringify(call.arguments)));
  for (let round = 0; texts.some((parts) => parts.length > round); round++) {
    for (const [place, parts] of texts.entries()) if (parts[round] !== undefined) events.push({ type: 'tool-arguments', index: first + place, text: parts[round] as string });
  }
  events.push({ type: 'end', reason: calls.length > 0 ? 'tool-calls' : 'stop' });
  return events;
}

function pieces(text: string): string[] {
  return text.match(/[\s\S]{1,7}/g) ?? [];
}
