import { entryOf } from '../../../entry-of.ts';
import { bedrockConverse } from '../../bedrock-converse.ts';
import { count, noUsage, type TokenUsage } from '../../token-usage.ts';
import { recordOf, recordsOf, textOf, wordsOf, type Fields } from '../fields.ts';
import type { StreamReader } from '../stream-reader.ts';
import type { OpenBlock, Stop, TurnSink } from '../turn-sink.ts';

const stops: Record<string, Stop> = { end_turn: 'end', tool_use: 'tool-calls', max_tokens: 'length', stop_sequence: 'stop-sequence', guardrail_intervened: 'refusal', content_filtered: 'refusal', model_context_window_exceeded: 'context-full' };

/** Reads the events of a Converse stream, each with its type in `type`. Blocks of words are not announced, only called tools are. */
export class ConverseStreamReader implements StreamReader {
  over = false;
  private started = false;
  private stop: Stop | null = null;
  private usage: TokenUsage | null = null;
  private readonly open = new Set<number>();

  constructor(private readonly sink: TurnSink) {}

  event(event: Fields): void {
    const index = count(event.contentBlockIndex) ?? 0;
    switch (event.type) {
      case 'messageStart': return this.start();
      case 'contentBlockStart': {
        const call = recordOf(recordOf(event.start)?.toolUse);
        return call ? this.begin(index, { type: 'tool-call', kind: 'function', id: textOf(call.toolUseId) ?? '', name: textOf(call.name) ?? '', namespace: null }) : undefined;
      }
      case 'contentBlockDelta': return this.delta(index, recordOf(event.delta) ?? {});
      case 'contentBlockStop': return this.close(index);
      case 'messageStop': this.stop = entryOf(stops, event.stopReason) ?? 'end'; return;
      case 'metadata': return this.finish(event);
      default: if (textOf(event.type)?.endsWith('Exception')) this.fail(textOf(event.type) ?? '', textOf(event.message));
    }
  }

  done(): void {
    this.end();
  }

  end(): void {
    if (this.over) return;
    if (this.stop !== null) return this.finish({});
    this.fail('', 'The provider ended its answer too early.');
  }

  private start(): void {
    if (this.started) return;
    this.started = true;
    this.sink.start({ id: '', model: '', usage: null });
  }

  private begin(index: number, block: OpenBlock): void {
    if (this.open.has(index)) return;
    this.start();
    this.open.add(index);
    this.sink.open(index, block);
  }

  private delta(index: number, delta: Fields): void {
    const thought = recordOf(delta.reasoningContent);
    if (typeof delta.text === 'string') this.begin(index, { type: 'text' });
    else if (thought) this.begin(index, { type: 'reasoning' });
    const text = wordsOf(delta.text) ?? wordsOf(thought?.text) ?? wordsOf(recordOf(delta.toolUse)?.input);
    if (text !== null && this.open.has(index)) this.sink.delta(index, text);
  }

  private close(index: number): void {
    if (this.open.delete(index)) this.sink.close(index);
  }

  private finish(metadata: Fields): void {
    if (this.over) return;
    this.over = true;
    const stated = bedrockConverse.answerUsage(metadata);
    if (stated) this.usage = { ...noUsage, ...stated };
    this.start();
    for (const index of [...this.open]) this.close(index);
    this.sink.finish({ stop: this.stop ?? 'end', stopSequence: null, usage: this.usage });
  }

  private fail(type: string, message: string | null): void {
    if (this.over) return;
    this.over = true;
    this.sink.fail({ kind: type === 'throttlingException' ? 'rate-limited' : type === 'serviceUnavailableException' ? 'overloaded' : 'upstream', message: message ?? 'The provider reported an error.', code: type || null });
  }
}

/** A whole Converse answer, said to a sink. False when it is not one. */
export function sayConverseAnswer(answer: Fields, sink: TurnSink): boolean {
  const message = recordOf(recordOf(answer.output)?.message);
  if (!message || !Array.isArray(message.content)) return false;
  const reader = new ConverseStreamReader(sink);
  reader.event({ type: 'messageStart' });
  for (const [contentBlockIndex, block] of recordsOf(message.content).entries()) {
    const call = recordOf(block.toolUse);
    const thought = recordOf(recordOf(block.reasoningContent)?.reasoningText);
    if (call) reader.event({ type: 'contentBlockStart', contentBlockIndex, start: { toolUse: call } });
    const delta = call ? { toolUse: { input: JSON.stringify(call.input ?? {}) } } : thought ? { reasoningContent: thought } : block;
    reader.event({ type: 'contentBlockDelta', contentBlockIndex, delta });
    reader.event({ type: 'contentBlockStop', contentBlockIndex });
  }
  reader.event({ type: 'messageStop', stopReason: answer.stopReason });
  reader.event({ type: 'metadata', usage: answer.usage });
  return true;
}
