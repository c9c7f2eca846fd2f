import { randomUUID } from 'node:crypto';
import { noUsage } from '../../token-usage.ts';
import { writeChatUsage } from '../chat/usage.ts';
import { finishReasonOf } from '../chat/write-stream.ts';
import type { CollectedTurn } from '../collected-turn.ts';
import type { Fields } from '../fields.ts';

export const textCompletionId = (id: string): string => `cmpl-${id.replace(/^(msg_|resp_|chatcmpl-|cmpl-)/, '') || randomUUID().replaceAll('-', '')}`;

/** A whole completion. What the model thought has no place in it. */
export function writeCompletionAnswer(turn: CollectedTurn, model: string, created: number): Fields {
  const text = turn.blocks.flatMap(({ block, text: piece }) => (block.type === 'text' || block.type === 'refusal' ? [piece] : [])).join('');
  return {
    id: textCompletionId(turn.id), object: 'text_completion', created, model, system_fingerprint: null,
    choices: [{ index: 0, text, logprobs: null, finish_reason: finishReasonOf(turn.stop) }], usage: writeChatUsage(turn.usage ?? noUsage),
  };
}
