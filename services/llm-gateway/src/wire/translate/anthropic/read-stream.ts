import { entryOf } from '../../../entry-of.ts';
import { count, isRecord, mergedUsage, type TokenUsage } from '../../token-usage.ts';
import { anthropicMessages } from '../../anthropic-messages.ts';
import { recordOf, textOf, wordsOf, type Fields } from '../fields.ts';
import { proofOfRedacted, proofOfSignature } from '../proof.ts';
import type { StreamReader } from '../stream-reader.ts';
import type { Stop, TurnSink } from '../turn-sink.ts';

const stops: Record<string, Stop> = { end_turn: 'end', max_tokens: 'length', stop_sequence: 'stop-sequence', tool_use: 'tool-calls', pause_turn: 'pause', refusal: 'refusal', model_context_window_exceeded: 'context-full' };

export const stopOf = (reason: unknown): Stop => entryOf(stops, reason) ?? 'end';

/** Reads the events of a messages stream. Blocks of Anthropic's own services have no meaning elsewhere and end here. */
export class AnthropicStreamReader implements StreamReader {
  over = false;
  private usage: TokenUsage | null = null;
  private started = false;
  private stop: Stop | null = null;
  private stopSequence: string | null = null;
  /** Open blocks by index: whether something of them was handed on, and what a call said in its start. */
  private readonly open = new Map<number, { input: string; spoken: boolean }>();

  constructor(private readonly sink: TurnSink) {}

  event(event: Fields): void {
    const index = count(event.index) ?? -1;
    switch (event.type) {
      case 'message_start': return this.start(recordOf(event.message) ?? {});
      case 'content_block_start': return this.openBlock(index, recordOf(event.content_block) ?? {});
      case 'content_block_delta': return this.delta(index, recordOf(event.delta) ?? {});
      case 'content_block_stop': return this.closeBlock(index);
      case 'message_delta': {
        const delta = recordOf(event.delta);
        this.takeUsage(event.usage);
        if (delta?.stop_reason != null) this.stop = stopOf(delta.stop_reason);
        this.stopSequence = wordsOf(delta?.stop_sequence) ?? this.stopSequence;
        return;
      }
      case 'message_stop': return this.finish();
      case 'ping': return this.sink.ping();
      case 'error': return this.fail(recordOf(event.error));
    }
  }

  done(): void {
    this.end();
  }

  end(): void {
    if (this.over) return;
    if (this.stop !== null) return this.finish();
    this.over = true;
    this.sink.fail({ kind: 'upstream', message: 'The provider ended its answer too early.', code: null });
  }

  private start(message: Fields): void {
    if (this.started) return;
    this.started = true;
    this.takeUsage(message.usage);
    this.sink.start({ id: textOf(message.id) ?? '', model: textOf(message.model) ?? '', usage: this.usage });
  }

  private openBlock(index: number, block: Fields): void {
    if (this.open.has(index)) return;
    if (!this.started) this.start({});
    if (block.type === 'text') {
      this.sink.open(index, { type: 'text' });
      if (wordsOf(block.text)) this.sink.delta(index, String(block.text));
    } else if (block.type === 'thinking') {
      this.sink.open(index, { type: 'reasoning' });
      if (wordsOf(block.thinking)) this.sink.delta(index, String(block.thinking));
      this.prove(index, proofOfSignature(block.signature));
    } else if (block.type === 'redacted_thinking') {
      this.sink.open(index, { type: 'reasoning' });
      this.prove(index, proofOfRedacted(block.data));
    } else if (block.type === 'tool_use') this.sink.open(index, { type: 'tool-call', kind: 'function', id: textOf(block.id) ?? '', name: textOf(block.name) ?? '', namespace: null });
    else return;
    const input = block.type === 'tool_use' ? (isRecord(block.input) && Object.keys(block.input).length > 0 ? JSON.stringify(block.input) : '{}') : '';
    this.open.set(index, { input, spoken: false });
  }

  private delta(index: number, delta: Fields): void {
    const block = this.open.get(index);
    if (!block) return;
    const piece = delta.type === 'text_delta' ? delta.text : delta.type === 'thinking_delta' ? delta.thinking : delta.type === 'input_json_delta' ? delta.partial_json : '';
    if (delta.type === 'signature_delta') return this.prove(index, proofOfSignature(delta.signature));
    if (typeof piece !== 'string' || piece === '') return;
    block.spoken = true;
    this.sink.delta(index, piece);
  }

  private closeBlock(index: number): void {
    const block = this.open.get(index);
    if (!block) return;
    this.open.delete(index);
    // A call without deltas has its whole input in its start.
    if (!block.spoken && block.input !== '') this.sink.delta(index, block.input);
    this.sink.close(index);
  }

  private prove(index: number, proof: ReturnType<typeof proofOfSignature>): void {
    if (proof !== null) this.sink.prove(index, proof);
  }

  private takeUsage(usage: unknown): void {
    const stated = anthropicMessages.answerUsage({ usage });
    if (stated) this.usage = mergedUsage(this.usage, stated);
  }

  private finish(): void {
    if (this.over) return;
    this.over = true;
    for (const index of [...this.open.keys()]) this.closeBlock(index);
    this.sink.finish({ stop: this.stop ?? 'end', stopSequence: this.stopSequence, usage: this.usage });
  }

  private fail(error: Fields | null): void {
    if (this.over) return;
    this.over = true;
    const kind = error?.type === 'overloaded_error' ? 'overloaded' : error?.type === 'rate_limit_error' ? 'rate-limited' : 'upstream';
    this.sink.fail({ kind, message: textOf(error?.message) ?? 'The provider reported an error.', code: textOf(error?.type) });
  }
}

/** A whole message, said to a sink. False when it is not one. */
export function sayAnthropicAnswer(answer: Fields, sink: TurnSink): boolean {
  if (!Array.isArray(answer.content)) return false;
  const reader = new AnthropicStreamReader(sink);
  reader.event({ type: 'message_start', message: answer });
  for (const [index, block] of answer.content.entries()) {
    reader.event({ type: 'content_block_start', index, content_block: block as unknown });
    reader.event({ type: 'content_block_stop', index });
  }
  reader.event({ type: 'message_delta', delta: answer });
  reader.event({ type: 'message_stop' });
  return true;
}
