import { entryOf } from '../../../entry-of.ts';
import { openaiChat } from '../../openai-chat.ts';
import { count, isRecord, noUsage, type TokenUsage } from '../../token-usage.ts';
import { recordOf, recordsOf, stated, textOf, wordsOf, type Fields } from '../fields.ts';
import type { StreamReader } from '../stream-reader.ts';
import type { Stop, TurnSink } from '../turn-sink.ts';
import { ChatCalls, newCallId } from './read-calls.ts';

const stops: Record<string, Stop> = { stop: 'end', length: 'length', tool_calls: 'tool-calls', function_call: 'tool-calls', content_filter: 'refusal' };
type Words = 'text' | 'refusal' | 'reasoning';

/**
 * Reads the chunks of a chat completion stream, of OpenAI and of those who speak its format: usage in a chunk of its own, in
 * the last one or in every one; reasoning in `reasoning_content` or `reasoning`; a `stop` that was a call of tools.
 */
export class ChatStreamReader implements StreamReader {
  over = false;
  private started = false;
  private keys = 0;
  /** The block of words being said. */
  private words: { type: Words; key: number } | null = null;
  private readonly calls: ChatCalls;
  private details: unknown[] = [];
  private stop: Stop | null = null;
  private usage: TokenUsage | null = null;

  constructor(private readonly sink: TurnSink) {
    this.calls = new ChatCalls(sink, () => this.keys++);
  }

  event(chunk: Fields): void {
    if (chunk.error != null) return this.fail(chunk.error);
    if (!this.started) {
      this.started = true;
      this.sink.start({ id: textOf(chunk.id) ?? '', model: textOf(chunk.model) ?? '', usage: null });
    }
    const stated = chunk.usage ?? recordOf(chunk.x_groq)?.usage;
    const usage = stated == null ? null : openaiChat.answerUsage({ usage: stated });
    if (usage) this.usage = { ...noUsage, ...usage };
    const choice = recordsOf(chunk.choices).find((entry) => (entry.index ?? 0) === 0);
    if (choice) this.choice(choice);
    if (this.stop !== null && this.usage !== null && usage) this.finish();
  }

  done(): void {
    if (!this.started) return this.end();
    this.stop ??= 'end';
    this.finish();
  }

  end(): void {
    if (this.over) return;
    if (this.stop !== null) return this.finish();
    this.over = true;
    this.sink.fail({ kind: 'upstream', message: 'The provider ended its answer too early.', code: null });
  }

  private choice(choice: Fields): void {
    const delta = recordOf(choice.delta);
    if (delta) {
      const { reasoning_content: thought, reasoning, content, refusal, tool_calls: calls } = delta;
      if (typeof thought === 'string' ? thought !== '' : typeof reasoning === 'string' && reasoning !== '') this.say('reasoning', typeof thought === 'string' ? thought : String(reasoning));
      if (Array.isArray(delta.reasoning_details)) for (const detail of delta.reasoning_details as unknown[]) addDetail(this.details, detail);
      if (typeof content === 'string') this.say('text', content);
      else if (Array.isArray(content)) this.sayParts(content);
      if (typeof refusal === 'string') this.say('refusal', refusal);
      if (Array.isArray(calls) && calls.length > 0) this.call(recordsOf(calls));
      else if (isRecord(delta.function_call)) this.call([{ index: 0, id: 'call_0', function: delta.function_call }]);
    }
    if (choice.finish_reason != null) {
      this.stop = entryOf(stops, choice.finish_reason) ?? 'end';
      this.closeWords();
      this.calls.finish();
    }
  }

  /** Mistral's models that think say their content in parts. */
  private sayParts(parts: readonly unknown[]): void {
    for (const part of recordsOf(parts)) {
      if (part.type === 'thinking') for (const thought of recordsOf(part.thinking)) this.say('reasoning', textOf(thought.text) ?? '');
      else this.say('text', textOf(part.text) ?? '');
    }
  }

  private say(type: Words, text: string): void {
    if (text === '') return;
    if (this.words?.type !== type) {
      this.closeWords();
      this.words = { type, key: this.keys++ };
      this.sink.open(this.words.key, { type });
    }
    this.sink.delta(this.words.key, text);
  }

  private call(deltas: Fields[]): void {
    for (const delta of deltas) {
      const signature = wordsOf(recordOf(recordOf(delta.extra_content)?.google)?.thought_signature);
      // A signature is found again by its call's id.
      const id = wordsOf(delta.id) ?? (signature === null ? null : newCallId());
      this.closeWords();
      if (signature !== null && id !== null) {
        const key = this.keys++;
        this.sink.open(key, { type: 'reasoning' });
        this.sink.prove(key, { vendor: 'google', call: id, signature });
        this.sink.close(key);
      }
      this.calls.delta({ ...delta, id }, count(delta.index) ?? 0);
    }
  }

  private closeWords(): void {
    if (this.words === null && this.details.length > 0) {
      this.words = { type: 'reasoning', key: this.keys++ };
      this.sink.open(this.words.key, { type: 'reasoning' });
    }
    if (this.words === null) return;
    if (this.words.type === 'reasoning' && this.details.length > 0) {
      this.sink.prove(this.words.key, { vendor: 'details', details: this.details });
      this.details = [];
    }
    this.sink.close(this.words.key);
    this.words = null;
  }

  private finish(): void {
    if (this.over) return;
    this.over = true;
    this.closeWords();
    this.calls.finish();
    const stop = this.stop === 'end' && this.calls.any ? 'tool-calls' : (this.stop ?? 'end');
    this.sink.finish({ stop, stopSequence: null, usage: this.usage });
  }

  private fail(error: unknown): void {
    if (this.over) return;
    this.over = true;
    const fields = recordOf(error);
    const code = fields?.code == null ? null : (typeof fields.code === 'number' ? String(fields.code) : textOf(fields.code));
    this.sink.fail({ kind: code === '429' || code === 'rate_limit_exceeded' ? 'rate-limited' : code === 'context_length_exceeded' ? 'context-window' : 'upstream', message: textOf(fields?.message) ?? textOf(error) ?? 'The provider reported an error.', code });
  }
}

/** What comes in pieces goes back whole: OpenRouter checks it against the signature that the last piece has. */
function addDetail(details: unknown[], detail: unknown): void {
  const before = details.at(-1);
  const isPiece = isRecord(before) && isRecord(detail) && typeof detail.index === 'number' && before.index === detail.index && before.type === detail.type && detail.data === undefined;
  if (!isPiece) return void details.push(detail);
  const whole = { ...before, ...stated({ ...detail }) };
  for (const name of ['text', 'summary']) if (typeof before[name] === 'string' && typeof detail[name] === 'string') whole[name] = before[name] + detail[name];
  details[details.length - 1] = whole;
}

/** A whole chat completion, said to a sink. False when it is not one. */
export function sayChatAnswer(answer: Fields, sink: TurnSink): boolean {
  const choice = recordsOf(answer.choices)[0];
  const message = recordOf(choice?.message);
  if (!choice || !message) return false;
  const reader = new ChatStreamReader(sink);
  const calls = recordsOf(message.tool_calls).map((call, index) => ({ ...call, index }));
  reader.event({ id: answer.id, model: answer.model, usage: answer.usage, choices: [{ index: 0, delta: { ...message, tool_calls: calls }, finish_reason: choice.finish_reason ?? 'stop' }] });
  reader.done();
  return true;
}
