import { isRecord } from '../token-usage.ts';
import { parseJson } from './fields.ts';
import type { Proof } from './model-request.ts';
import type { ToolNames } from './tool-names.ts';
import type { OpenBlock, TurnSink } from './turn-sink.ts';

/** The arguments of the function that stands for a custom tool. */
export const wrapInput = (input: string): string => JSON.stringify({ input });

/** A custom tool's text in those arguments; a model that wrote something else is taken at its word. */
export function unwrapInput(wrapped: string): string {
  const fields = parseJson(wrapped);
  return isRecord(fields) && typeof fields.input === 'string' ? fields.input : wrapped;
}

/**
 * Gives calls back under the client's own names and kinds. The text of a custom tool is only whole when the JSON around it
 * is, so it goes on in one piece.
 */
export class WrappedTools implements TurnSink {
  private readonly held = new Map<number, string>();

  constructor(private readonly sink: TurnSink, private readonly names: ToolNames) {}

  start(heading: Parameters<TurnSink['start']>[0]): void {
    this.sink.start(heading);
  }

  open(key: number, block: OpenBlock): void {
    if (block.type !== 'tool-call') return this.sink.open(key, block);
    const tool = this.names.resolve(block.name);
    if (tool.type === 'custom' && block.kind === 'function') this.held.set(key, '');
    this.sink.open(key, { ...block, kind: tool.type, name: tool.name, namespace: tool.namespace });
  }

  delta(key: number, text: string): void {
    const held = this.held.get(key);
    if (held === undefined) this.sink.delta(key, text);
    else this.held.set(key, held + text);
  }

  prove(key: number, proof: Proof): void {
    this.sink.prove(key, proof);
  }

  close(key: number): void {
    const held = this.held.get(key);
    if (held !== undefined) {
      this.held.delete(key);
      this.sink.delta(key, unwrapInput(held));
    }
    this.sink.close(key);
  }

  ping(): void {
    this.sink.ping();
  }

  finish(end: Parameters<TurnSink['finish']>[0]): void {
    this.sink.finish(end);
  }

  fail(error: Parameters<TurnSink['fail']>[0]): void {
    this.sink.fail(error);
  }
}
