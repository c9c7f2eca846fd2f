import { randomUUID } from 'node:crypto';
import { noUsage } from '../../token-usage.ts';
import type { Fields } from '../fields.ts';
import type { Proof } from '../model-request.ts';
import { thinkingBlock } from '../proof.ts';
import type { OpenBlock, Stop, TurnSink } from '../turn-sink.ts';
import { writeChatUsage } from './usage.ts';

const finishReasons: Record<Stop, string> = { end: 'stop', 'tool-calls': 'tool_calls', length: 'length', 'context-full': 'length', refusal: 'content_filter', 'stop-sequence': 'stop', pause: 'stop' };

export const finishReasonOf = (stop: Stop): string => finishReasons[stop];

const errorTypes = { upstream: 'upstream_error', overloaded: 'service_unavailable_error', 'rate-limited': 'rate_limit_error', 'context-window': 'invalid_request_error', 'content-policy': 'invalid_request_error' } as const;

export const completionId = (id: string): string => (id.startsWith('chatcmpl-') ? id : `chatcmpl-${id.replace(/^(msg_|resp_)/, '') || randomUUID().replaceAll('-', '')}`);
export const callId = (id: string): string => id || `call_${randomUUID().replaceAll('-', '').slice(0, 24)}`;

/** The event that ends a stream that failed. */
export const streamFailure = ({ kind, message, code }: Parameters<TurnSink['fail']>[0]): string => `data: ${JSON.stringify({ error: { message, type: errorTypes[kind], param: null, code: kind === 'context-window' ? 'context_length_exceeded' : code } })}\n\n`;

/** Writes the chunks of a chat completion stream. Thinking goes into `reasoning_content`, and with its proof into `thinking_blocks`. */
export class ChatStreamWriter implements TurnSink {
  private head = '';
  private tail = '';
  private calls = -1;
  private deltaHead = '';
  private deltaTail = '';
  private thought = '';
  private reasoning = false;

  constructor(private readonly emit: (text: string) => void, private readonly model: string, private readonly created: number, private readonly withUsage: boolean) {}

  start({ id }: Parameters<TurnSink['start']>[0]): void {
    const usage = this.withUsage ? ',"usage":null' : '';
    this.head = `data: {"id":${JSON.stringify(completionId(id))},"object":"chat.completion.chunk","created":${this.created},"model":${JSON.stringify(this.model)},"system_fingerprint":null,"choices":[`;
    this.tail = `]${usage}}\n\n`;
    this.chunk({ role: 'assistant', content: '' });
  }

  open(_key: number, block: OpenBlock): void {
    this.reasoning = block.type === 'reasoning';
    this.thought = '';
    const before = `${this.head}{"index":0,"delta":`;
    const after = `,"logprobs":null,"finish_reason":null}${this.tail}`;
    if (block.type !== 'tool-call') {
      const field = block.type === 'text' ? 'content' : block.type === 'refusal' ? 'refusal' : 'reasoning_content';
      this.deltaHead = `${before}{"${field}":`;
      this.deltaTail = `}${after}`;
      return;
    }
    this.calls++;
    const custom = block.kind === 'custom';
    const named = custom ? { type: 'custom', custom: { name: block.name, input: '' } } : { type: 'function', function: { name: block.name, arguments: '' } };
    this.chunk({ tool_calls: [{ index: this.calls, id: callId(block.id), ...named }] });
    this.deltaHead = `${before}{"tool_calls":[{"index":${this.calls},"${custom ? 'custom":{"input' : 'function":{"arguments'}":`;
    this.deltaTail = `}}]}${after}`;
  }

  delta(_key: number, text: string): void {
    if (this.reasoning) this.thought += text;
    this.emit(this.deltaHead + JSON.stringify(text) + this.deltaTail);
  }

  prove(_key: number, proof: Proof): void {
    if (proof.vendor === 'google') return;
    this.chunk({ thinking_blocks: [thinkingBlock(this.thought, proof)] });
  }

  close(): void {}

  /** A comment, which every event stream's reader passes over. */
  ping(): void {
    this.emit(': ping\n\n');
  }

  finish({ stop, usage }: Parameters<TurnSink['finish']>[0]): void {
    this.emit(`${this.head}{"index":0,"delta":{},"logprobs":null,"finish_reason":"${finishReasonOf(stop)}"}${this.tail}`);
    if (this.withUsage) this.emit(`${this.head}],"usage":${JSON.stringify(writeChatUsage(usage ?? noUsage))}}\n\n`);
    this.emit('data: [DONE]\n\n');
  }

  fail(failure: Parameters<TurnSink['fail']>[0]): void {
    this.emit(streamFailure(failure));
  }

  private chunk(delta: Fields): void {
    this.emit(`${this.head}{"index":0,"delta":${JSON.stringify(delta)},"logprobs":null,"finish_reason":null}${this.tail}`);
  }
}
