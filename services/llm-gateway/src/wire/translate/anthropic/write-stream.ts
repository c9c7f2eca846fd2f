import { randomUUID } from 'node:crypto';
import { noUsage } from '../../token-usage.ts';
import type { Fields } from '../fields.ts';
import type { Proof } from '../model-request.ts';
import { thinkingBlock } from '../proof.ts';
import type { OpenBlock, Stop, TurnSink } from '../turn-sink.ts';
import { writeAnthropicUsage } from './usage.ts';

const stopReasons: Record<Stop, string> = { end: 'end_turn', 'tool-calls': 'tool_use', length: 'max_tokens', 'context-full': 'model_context_window_exceeded', refusal: 'refusal', 'stop-sequence': 'stop_sequence', pause: 'pause_turn' };

export const stopReasonOf = (stop: Stop): string => stopReasons[stop];

const errorTypes = { upstream: 'api_error', overloaded: 'overloaded_error', 'rate-limited': 'rate_limit_error', 'context-window': 'invalid_request_error', 'content-policy': 'invalid_request_error' } as const;

/** Anthropic's clients expect a message's id to begin so. */
export const messageId = (id: string): string => (id.startsWith('msg_') ? id : `msg_${id.replace(/^(chatcmpl-|resp_)/, '') || randomUUID().replaceAll('-', '')}`);

/** An id for a call whose upstream gave none. */
export const callId = (id: string): string => id || `toolu_${randomUUID().replaceAll('-', '')}`;

const deltaFields = { text: ['text_delta', 'text'], refusal: ['text_delta', 'text'], reasoning: ['thinking_delta', 'thinking'], 'tool-call': ['input_json_delta', 'partial_json'] } as const;

/** Writes the events of a messages stream. Its blocks come one after the other (see `InOrder`). */
export class AnthropicStreamWriter implements TurnSink {
  private started = false;
  private index = -1;
  /** Thinking whose first words have not come: it may turn out to be a redacted block. */
  private waiting = false;
  private inside = false;
  /** Everything of a delta's event before its text. */
  private deltaHead = '';
  private refused = false;

  constructor(private readonly emit: (text: string) => void, private readonly model: string) {}

  start({ id, usage }: Parameters<TurnSink['start']>[0]): void {
    const message = { id: messageId(id), type: 'message', role: 'assistant', model: this.model, content: [], stop_reason: null, stop_sequence: null, usage: writeAnthropicUsage(usage ?? noUsage) };
    this.started = true;
    this.event('message_start', { message });
  }

  open(_key: number, block: OpenBlock): void {
    this.refused ||= block.type === 'refusal';
    this.waiting = block.type === 'reasoning';
    if (block.type === 'tool-call') this.begin(block.type, { type: 'tool_use', id: callId(block.id), name: block.name, input: {} });
    else if (!this.waiting) this.begin(block.type, { type: 'text', text: '' });
  }

  delta(_key: number, text: string): void {
    if (this.waiting) this.begin('reasoning', thinkingBlock('', null));
    this.emit(`${this.deltaHead}${JSON.stringify(text)}}}\n\n`);
  }

  prove(_key: number, proof: Proof): void {
    const block = thinkingBlock(this.waiting ? '' : ' ', proof);
    if (block.type === 'thinking') {
      if (this.waiting) this.begin('reasoning', thinkingBlock('', null));
      this.event('content_block_delta', { index: this.index, delta: { type: 'signature_delta', signature: block.signature } });
    } else if (this.waiting) {
      this.begin('reasoning', block);
    }
  }

  close(): void {
    this.waiting = false;
    if (!this.inside) return;
    this.inside = false;
    this.emit(`event: content_block_stop\ndata: {"type":"content_block_stop","index":${this.index}}\n\n`);
  }

  ping(): void {
    // Before the first event a comment keeps the connection just as well, and no client takes it for one.
    this.emit(this.started ? 'event: ping\ndata: {"type":"ping"}\n\n' : ': ping\n\n');
  }

  finish({ stop, stopSequence, usage }: Parameters<TurnSink['finish']>[0]): void {
    const reason = this.refused && stop === 'end' ? 'refusal' : stop;
    this.event('message_delta', { delta: { stop_reason: stopReasonOf(reason), stop_sequence: stopSequence }, usage: writeAnthropicUsage(usage ?? noUsage) });
    this.event('message_stop', {});
  }

  fail({ kind, message }: Parameters<TurnSink['fail']>[0]): void {
    this.event('error', { error: { type: errorTypes[kind], message } });
  }

  private begin(type: OpenBlock['type'], block: object): void {
    this.waiting = false;
    this.inside = true;
    this.index++;
    this.event('content_block_start', { index: this.index, content_block: block });
    const [kind, field] = deltaFields[type];
    this.deltaHead = `event: content_block_delta\ndata: {"type":"content_block_delta","index":${this.index},"delta":{"type":"${kind}","${field}":`;
  }

  private event(type: string, fields: Fields): void {
    this.emit(`event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`);
  }
}
