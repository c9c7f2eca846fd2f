import { openaiResponses } from '../../openai-responses.ts';
import { count, noUsage, type TokenUsage } from '../../token-usage.ts';
import { recordOf, recordsOf, textOf, wordsOf, type Fields } from '../fields.ts';
import type { StreamReader } from '../stream-reader.ts';
import type { OpenBlock, Stop, TurnSink } from '../turn-sink.ts';
import { proofOf } from './read-items.ts';

interface Block {
  key: number;
  /** What was said of it; some providers say a thing whole at its end only. */
  spoken: number;
  closed: boolean;
  /** Which part of a reasoning's summary, and whether it is the summary or the reasoning itself that is read. */
  part: number;
  source: string | null;
}

/** Reads the events of a response's stream, and of providers that leave some of them out: what only an item's or the response's end tells is taken from there. */
export class ResponsesStreamReader implements StreamReader {
  over = false;
  private started = false;
  private keys = 0;
  /** By place: output index, and the part of a message. */
  private readonly blocks = new Map<string, Block>();
  private readonly items = new Set<number>();
  private calls = false;

  constructor(private readonly sink: TurnSink) {}

  event(event: Fields): void {
    const output = count(event.output_index) ?? 0;
    const place = `${output}.${count(event.content_index) ?? 0}`;
    switch (event.type) {
      case 'response.created': case 'response.in_progress': return this.start(recordOf(event.response));
      case 'response.output_item.added': return this.addItem(output, recordOf(event.item) ?? {});
      case 'response.output_item.done': return this.endItem(output, recordOf(event.item) ?? {});
      case 'response.output_text.delta': return this.say(this.words(place, 'text'), textOf(event.delta));
      case 'response.output_text.done': return this.endText(this.words(place, 'text'), textOf(event.text));
      case 'response.refusal.delta': return this.say(this.words(place, 'refusal'), textOf(event.delta));
      case 'response.refusal.done': return this.endText(this.words(place, 'refusal'), textOf(event.refusal));
      case 'response.function_call_arguments.delta': case 'response.custom_tool_call_input.delta': return this.say(this.blocks.get(`${output}`), textOf(event.delta));
      case 'response.function_call_arguments.done': return this.complete(this.blocks.get(`${output}`), textOf(event.arguments));
      case 'response.custom_tool_call_input.done': return this.complete(this.blocks.get(`${output}`), textOf(event.input));
      case 'response.reasoning_summary_text.delta': return this.think(output, 'summary', count(event.summary_index) ?? 0, textOf(event.delta));
      case 'response.reasoning_text.delta': return this.think(output, 'text', count(event.content_index) ?? 0, textOf(event.delta));
      case 'response.completed': case 'response.incomplete': case 'response.failed': return this.finish(String(event.type), recordOf(event.response) ?? {});
      case 'error': return this.fail(recordOf(event.error) ?? event);
    }
  }

  done(): void {
    this.end();
  }

  end(): void {
    if (!this.over) this.fail({ message: 'The provider ended its answer too early.' });
  }

  private start(response: Fields | null): void {
    if (this.started) return;
    this.started = true;
    this.sink.start({ id: textOf(response?.id) ?? '', model: textOf(response?.model) ?? '', usage: null });
  }

  private open(place: string, block: OpenBlock): Block {
    this.start(null);
    const opened = { key: this.keys++, spoken: 0, closed: false, part: 0, source: null };
    this.blocks.set(place, opened);
    this.sink.open(opened.key, block);
    return opened;
  }

  private words(place: string, type: 'text' | 'refusal'): Block {
    return this.blocks.get(place) ?? this.open(place, { type });
  }

  private say(block: Block | undefined, text: string | null): void {
    if (!block || block.closed || text === null || text === '') return;
    block.spoken += text.length;
    this.sink.delta(block.key, text);
  }

  /** What was not said in pieces is said whole. */
  private complete(block: Block | undefined, whole: string | null): void {
    if (block?.spoken === 0) this.say(block, whole);
  }

  private endText(block: Block, whole: string | null): void {
    this.complete(block, whole);
    this.close(block);
  }

  private close(block: Block | undefined): void {
    if (!block || block.closed) return;
    block.closed = true;
    this.sink.close(block.key);
  }

  private think(output: number, source: string, part: number, text: string | null): void {
    const block = this.blocks.get(`${output}`) ?? this.open(`${output}`, { type: 'reasoning' });
    if ((block.source ??= source) !== source) return;
    if (part > block.part && block.spoken > 0) this.say(block, '\n\n');
    block.part = part;
    this.say(block, text);
  }

  private addItem(output: number, item: Fields): void {
    if (this.items.has(output)) return;
    this.items.add(output);
    const custom = item.type === 'custom_tool_call';
    if (item.type === 'reasoning') this.open(`${output}`, { type: 'reasoning' });
    else if (custom || item.type === 'function_call') {
      this.calls = true;
      this.open(`${output}`, { type: 'tool-call', kind: custom ? 'custom' : 'function', id: textOf(item.call_id) ?? textOf(item.id) ?? '', name: textOf(item.name) ?? '', namespace: wordsOf(item.namespace) });
    }
  }

  private endItem(output: number, item: Fields): void {
    this.addItem(output, item);
    if (item.type === 'message') {
      for (const [index, part] of recordsOf(item.content).entries()) this.endText(this.words(`${output}.${index}`, part.type === 'refusal' ? 'refusal' : 'text'), textOf(part.text) ?? textOf(part.refusal));
      return;
    }
    const block = this.blocks.get(`${output}`);
    if (item.type === 'reasoning') {
      const summary = recordsOf(item.summary).length > 0 ? recordsOf(item.summary) : recordsOf(item.content);
      this.complete(block, summary.flatMap((part) => textOf(part.text) ?? []).join('\n\n'));
      const proof = proofOf(item);
      if (block && !block.closed && proof !== null) this.sink.prove(block.key, proof);
    } else this.complete(block, textOf(item.arguments) ?? textOf(item.input));
    this.close(block);
  }

  private finish(type: string, response: Fields): void {
    if (this.over) return;
    if (type === 'response.failed') return this.fail(recordOf(response.error) ?? {});
    this.start(response);
    for (const [index, item] of recordsOf(response.output).entries()) if (!this.items.has(index) && !this.said(index)) this.endItem(index, item);
    this.over = true;
    for (const block of this.blocks.values()) this.close(block);
    const stated: Partial<TokenUsage> | null = openaiResponses.answerUsage(response);
    this.sink.finish({ stop: this.stopOf(type, response), stopSequence: null, usage: stated && { ...noUsage, ...stated } });
  }

  private said(index: number): boolean {
    return [...this.blocks.keys()].some((place) => place === `${index}` || place.startsWith(`${index}.`));
  }

  private stopOf(type: string, response: Fields): Stop {
    if (type === 'response.incomplete' || response.status === 'incomplete') return recordOf(response.incomplete_details)?.reason === 'content_filter' ? 'refusal' : 'length';
    return this.calls ? 'tool-calls' : 'end';
  }

  private fail(error: Fields): void {
    if (this.over) return;
    this.over = true;
    const code = textOf(error.code);
    const kind = code === 'rate_limit_exceeded' ? 'rate-limited' : code === 'context_length_exceeded' ? 'context-window' : code === 'server_is_overloaded' ? 'overloaded' : 'upstream';
    this.sink.fail({ kind, message: textOf(error.message) ?? 'The provider reported an error.', code });
  }
}

/** A whole response, said to a sink. False when it is not one. */
export function sayResponsesAnswer(answer: Fields, sink: TurnSink): boolean {
  if (!Array.isArray(answer.output)) return false;
  const reader = new ResponsesStreamReader(sink);
  reader.event({ type: answer.status === 'failed' ? 'response.failed' : 'response.completed', response: answer });
  return true;
}
