import type { TokenUsage } from '../token-usage.ts';
import type { Proof } from './model-request.ts';
import type { OpenBlock, Stop, TurnSink } from './turn-sink.ts';

export interface CollectedBlock {
  block: OpenBlock;
  text: string;
  proof: Proof | null;
}

/** A whole turn, for answers that are not streams. */
export class CollectedTurn implements TurnSink {
  id = '';
  readonly blocks: CollectedBlock[] = [];
  stop: Stop = 'end';
  stopSequence: string | null = null;
  usage: TokenUsage | null = null;
  failure: Parameters<TurnSink['fail']>[0] | null = null;
  private readonly byKey = new Map<number, CollectedBlock>();

  start({ id, usage }: Parameters<TurnSink['start']>[0]): void {
    this.id = id;
    this.usage = usage;
  }

  open(key: number, block: OpenBlock): void {
    const collected = { block, text: '', proof: null };
    this.blocks.push(collected);
    this.byKey.set(key, collected);
  }

  delta(key: number, text: string): void {
    const block = this.byKey.get(key);
    if (block) block.text += text;
  }

  prove(key: number, proof: Proof): void {
    const block = this.byKey.get(key);
    if (block) block.proof = proof;
  }

  close(): void {}

  ping(): void {}

  finish({ stop, stopSequence, usage }: Parameters<TurnSink['finish']>[0]): void {
    this.stop = this.blocks.some(({ block }) => block.type === 'refusal') && stop === 'end' ? 'refusal' : stop;
    this.stopSequence = stopSequence;
    this.usage = usage ?? this.usage;
  }

  fail(error: Parameters<TurnSink['fail']>[0]): void {
    this.failure = error;
  }
}
