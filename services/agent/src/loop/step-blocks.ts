import type { ContentBlock } from '@deskhand/contracts';
import { ModelError, type ModelEvent } from './model.ts';
import type { Blocks, BlockWriter } from './ports.ts';
import { words } from './words.ts';

interface TextPlace { kind: 'text' | 'reasoning'; writer: BlockWriter; opaque?: unknown }
interface CallPlace { kind: 'tool-call'; name: string; parts: string[] }

/** Characters of one answer, tool arguments included: it has to fit into one record, and an upstream may have no end. */
const maximumAnswer = 250_000;

/** Puts one answer of a model together while it streams, showing text and reasoning as they come. */
export class StepBlocks {
  private readonly places = new Map<number, TextPlace | CallPlace>();
  private size = 0;
  ended: Extract<ModelEvent, { type: 'end' }>['reason'] | null = null;

  /** Run, step and attempt make the names of its blocks. */
  constructor(private readonly blocks: Blocks, private readonly run: string, private readonly step: number, readonly attempt: number) {}

  take(event: ModelEvent): void {
    if (event.type === 'end') {
      this.ended = event.reason;
      return;
    }
    if (event.type === 'tool-call') {
      this.places.set(event.index, { kind: 'tool-call', name: event.name, parts: [] });
      return;
    }
    if (event.type === 'reasoning-opaque') {
      this.writer(event.index, 'reasoning').opaque = event.opaque;
      return;
    }
    this.size += event.text.length;
    if (this.size > maximumAnswer) throw new ModelError('refused', words.endless(maximumAnswer));
    if (event.type === 'tool-arguments') {
      const place = this.places.get(event.index);
      if (place?.kind === 'tool-call') place.parts.push(event.text);
    } else if (event.text !== '') {
      this.writer(event.index, event.type).writer.append(event.text);
    }
  }

  /** Whether nothing of it has been shown. */
  get empty(): boolean {
    return this.open.every(({ writer }) => writer.text === '');
  }

  /** Whether it says nothing and asks for nothing. */
  get nothing(): boolean {
    return this.empty && [...this.places.values()].every((place) => place.kind !== 'tool-call');
  }

  /** Names of the blocks that were shown and now have to be closed or given up. */
  get names(): string[] {
    return this.open.map(({ writer }) => writer.block);
  }

  /** The whole answer, its calls with ids of our own: those of providers may repeat. */
  finish(newId: () => string): ContentBlock[] {
    return this.inOrder.flatMap((place): ContentBlock[] => (place.kind === 'tool-call' ? [callBlock(newId(), place)] : textual(place)));
  }

  /** What there is of a broken off answer that means something by itself: text and thoughts, no calls. */
  partial(): ContentBlock[] {
    return this.inOrder.flatMap((place) => (place.kind === 'tool-call' ? [] : textual(place)));
  }

  close(): void {
    for (const name of this.names) this.blocks.close(name);
  }

  private get inOrder(): (TextPlace | CallPlace)[] {
    return [...this.places].sort(([a], [b]) => a - b).map(([, place]) => place);
  }

  private get open(): TextPlace[] {
    return this.inOrder.filter((place) => place.kind !== 'tool-call');
  }

  private writer(index: number, kind: 'text' | 'reasoning'): TextPlace {
    const known = this.places.get(index);
    if (known !== undefined && known.kind === kind) return known;
    const place: TextPlace = { kind, writer: this.blocks.open({ block: `${this.run}-${this.step}-${index}`, attempt: this.attempt, kind, step: this.step }) };
    this.places.set(index, place);
    return place;
  }
}

function textual({ kind, writer, opaque }: TextPlace): ContentBlock[] {
  const text = writer.finish();
  if (text === '' && opaque === undefined) return [];
  const streamed = { block: writer.block, attempt: writer.attempt };
  return [kind === 'text' ? { type: 'text', text, ...streamed } : { type: 'reasoning', text, ...(opaque !== undefined && { opaque }), ...streamed }];
}

function callBlock(id: string, { name, parts }: CallPlace): ContentBlock {
  const text = parts.join('').trim();
  const call = { type: 'tool_call' as const, tool_call_id: id, name };
  if (text === '') return { ...call, arguments: {} };
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...call, arguments: value as Record<string, unknown> };
  } catch { /* told to the model as the call's result */ }
  return { ...call, arguments: {}, invalid_arguments: text };
}
