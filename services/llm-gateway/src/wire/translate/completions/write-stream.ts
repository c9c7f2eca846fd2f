import { noUsage } from '../../token-usage.ts';
import { writeChatUsage } from '../chat/usage.ts';
import { finishReasonOf, streamFailure } from '../chat/write-stream.ts';
import type { OpenBlock, TurnSink } from '../turn-sink.ts';
import { textCompletionId } from './write-answer.ts';

/** Writes the chunks of a completion stream: text and nothing else. */
export class CompletionStreamWriter implements TurnSink {
  private head = '';
  private tail = '';
  private isText = false;

  constructor(private readonly emit: (text: string) => void, private readonly model: string, private readonly created: number, private readonly withUsage: boolean) {}

  start({ id }: Parameters<TurnSink['start']>[0]): void {
    this.head = `data: {"id":${JSON.stringify(textCompletionId(id))},"object":"text_completion","created":${this.created},"model":${JSON.stringify(this.model)},"system_fingerprint":null,"choices":[`;
    this.tail = `]${this.withUsage ? ',"usage":null' : ''}}\n\n`;
  }

  open(_key: number, { type }: OpenBlock): void {
    this.isText = type === 'text' || type === 'refusal';
  }

  delta(_key: number, text: string): void {
    if (this.isText) this.emit(`${this.head}{"index":0,"text":${JSON.stringify(text)},"logprobs":null,"finish_reason":null}${this.tail}`);
  }

  prove(): void {}

  close(): void {}

  /** A comment, which every event stream's reader passes over. */
  ping(): void {
    this.emit(': ping\n\n');
  }

  finish({ stop, usage }: Parameters<TurnSink['finish']>[0]): void {
    this.emit(`${this.head}{"index":0,"text":"","logprobs":null,"finish_reason":"${finishReasonOf(stop)}"}${this.tail}`);
    if (this.withUsage) this.emit(`${this.head}],"usage":${JSON.stringify(writeChatUsage(usage ?? noUsage))}}\n\n`);
    this.emit('data: [DONE]\n\n');
  }

  fail(failure: Parameters<TurnSink['fail']>[0]): void {
    this.emit(streamFailure(failure));
  }
}
