import type { Fields } from '../fields.ts';
import type { Proof } from '../model-request.ts';
import type { OpenBlock, TurnSink } from '../turn-sink.ts';
import { contentPart, itemOf, responseId, wholeItem } from './items.ts';
import { endedFields, incompleteReason, repeated, type ResponseState } from './response-object.ts';

interface OpenItem {
  block: OpenBlock;
  item: Fields;
  text: string;
  proof: Proof | null;
  /** A part was announced for its text. */
  announced: boolean;
}

const errorCodes = { upstream: 'server_error', overloaded: 'server_is_overloaded', 'rate-limited': 'rate_limit_exceeded', 'context-window': 'context_length_exceeded', 'content-policy': 'invalid_prompt' } as const;

/** Writes the events of a response's stream, its items one after the other (see `InOrder`). */
export class ResponsesStreamWriter implements TurnSink {
  private state: ResponseState;
  private sequence = 0;
  private current: OpenItem | null = null;
  /** The event of the next delta up to its text, without its number. */
  private deltaType = '';
  private deltaPlace = '';
  private readonly repeated: string;
  private refused = false;

  constructor(private readonly emit: (text: string) => void, model: string, created: number, body: Fields, private readonly output: Fields[]) {
    this.state = { id: responseId(''), model, created };
    this.repeated = JSON.stringify(repeated(body)).slice(1);
  }

  start({ id }: Parameters<TurnSink['start']>[0]): void {
    this.state.id = responseId(id);
    const begun = { id: this.state.id, object: 'response', created_at: this.state.created, status: 'in_progress', error: null, incomplete_details: null, model: this.state.model, output: [], usage: null };
    this.responseEvent('response.created', begun);
    this.responseEvent('response.in_progress', begun);
  }

  open(_key: number, block: OpenBlock): void {
    const item = itemOf(block);
    this.current = { block, item, text: '', proof: null, announced: false };
    this.refused ||= block.type === 'refusal';
    this.event('response.output_item.added', { output_index: this.output.length, item });
    const place = `,"item_id":"${String(item.id)}","output_index":${this.output.length}`;
    if (block.type === 'reasoning') [this.deltaType, this.deltaPlace] = ['response.reasoning_summary_text.delta', `${place},"summary_index":0`];
    else if (block.type === 'tool-call') [this.deltaType, this.deltaPlace] = [block.kind === 'custom' ? 'response.custom_tool_call_input.delta' : 'response.function_call_arguments.delta', place];
    else {
      [this.deltaType, this.deltaPlace] = [block.type === 'text' ? 'response.output_text.delta' : 'response.refusal.delta', `${place},"content_index":0${block.type === 'text' ? ',"logprobs":[]' : ''}`];
      this.announce(this.current);
    }
  }

  delta(_key: number, text: string): void {
    const { current } = this;
    if (!current) return;
    current.text += text;
    if (current.block.type === 'reasoning' && !current.announced) this.announce(current);
    if (current.block.type === 'tool-call' && current.block.kind === 'local-shell') return;
    this.emit(`event: ${this.deltaType}\ndata: {"type":"${this.deltaType}","sequence_number":${this.sequence++}${this.deltaPlace},"delta":${JSON.stringify(text)}}\n\n`);
  }

  prove(_key: number, proof: Proof): void {
    if (this.current) this.current.proof = proof;
  }

  close(): void {
    const { current } = this;
    if (!current) return;
    this.current = null;
    this.endText(current);
    const whole = wholeItem(current.item, current.block, current.text, current.proof);
    this.event('response.output_item.done', { output_index: this.output.length, item: whole });
    this.output.push(whole);
  }

  /** A comment, which every event stream's reader passes over. */
  ping(): void {
    this.emit(': ping\n\n');
  }

  finish({ stop, usage }: Parameters<TurnSink['finish']>[0]): void {
    const reason = this.refused && stop === 'refusal' ? 'end' : stop;
    const ended = endedFields(this.state, this.output, reason, usage);
    this.responseEvent(incompleteReason(reason) === null ? 'response.completed' : 'response.incomplete', ended);
  }

  fail({ kind, message }: Parameters<TurnSink['fail']>[0]): void {
    const { id, created, model } = this.state;
    this.responseEvent('response.failed', { id, object: 'response', created_at: created, status: 'failed', error: { code: errorCodes[kind], message }, incomplete_details: null, model, output: this.output, usage: null });
  }

  private announce(current: OpenItem): void {
    current.announced = true;
    const place = { item_id: current.item.id, output_index: this.output.length };
    if (current.block.type === 'reasoning') this.event('response.reasoning_summary_part.added', { ...place, summary_index: 0, part: { type: 'summary_text', text: '' } });
    else this.event('response.content_part.added', { ...place, content_index: 0, part: contentPart(current.block, '') });
  }

  private endText({ block, item, text, announced }: OpenItem): void {
    const place = { item_id: item.id, output_index: this.output.length };
    if (block.type === 'tool-call') {
      if (block.kind === 'custom') this.event('response.custom_tool_call_input.done', { ...place, input: text });
      else if (block.kind === 'function') this.event('response.function_call_arguments.done', { ...place, name: block.name, arguments: text || '{}' });
    } else if (block.type === 'reasoning') {
      if (!announced) return;
      this.event('response.reasoning_summary_text.done', { ...place, summary_index: 0, text });
      this.event('response.reasoning_summary_part.done', { ...place, summary_index: 0, part: { type: 'summary_text', text } });
    } else {
      this.event(block.type === 'text' ? 'response.output_text.done' : 'response.refusal.done', { ...place, content_index: 0, ...(block.type === 'text' ? { text, logprobs: [] } : { refusal: text }) });
      this.event('response.content_part.done', { ...place, content_index: 0, part: contentPart(block, text) });
    }
  }

  private event(type: string, fields: Fields): void {
    this.emit(`event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: this.sequence++, ...fields })}\n\n`);
  }

  private responseEvent(type: string, response: Fields): void {
    this.emit(`event: ${type}\ndata: {"type":"${type}","sequence_number":${this.sequence++},"response":${JSON.stringify(response).slice(0, -1)},${this.repeated}}\n\n`);
  }
}
