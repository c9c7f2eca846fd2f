import { noUsage } from '../../token-usage.ts';
import type { CollectedTurn } from '../collected-turn.ts';
import type { Fields } from '../fields.ts';
import { thinkingBlock } from '../proof.ts';
import { writeChatUsage } from './usage.ts';
import { callId, completionId, finishReasonOf } from './write-stream.ts';

/** A whole chat completion. */
export function writeChatAnswer(turn: CollectedTurn, model: string, created: number): Fields {
  const join = (type: 'text' | 'refusal' | 'reasoning'): string => turn.blocks.flatMap(({ block, text }) => (block.type === type ? [text] : [])).join('');
  const calls = turn.blocks.flatMap(({ block, text }) => {
    if (block.type !== 'tool-call') return [];
    return [{ id: callId(block.id), ...(block.kind === 'custom' ? { type: 'custom', custom: { name: block.name, input: text } } : { type: 'function', function: { name: block.name, arguments: text || '{}' } }) }];
  });
  const thinking = turn.blocks.flatMap(({ block, text, proof }) => (block.type === 'reasoning' && proof !== null && proof.vendor !== 'google' ? [thinkingBlock(text, proof)] : []));
  const reasoning = join('reasoning');
  const message = {
    role: 'assistant', content: join('text') || null, refusal: join('refusal') || null, ...(reasoning !== '' && { reasoning_content: reasoning }),
    ...(thinking.length > 0 && { thinking_blocks: thinking }), ...(calls.length > 0 && { tool_calls: calls }),
  };
  return {
    id: completionId(turn.id), object: 'chat.completion', created, model, system_fingerprint: null,
    choices: [{ index: 0, message, logprobs: null, finish_reason: finishReasonOf(turn.stop) }], usage: writeChatUsage(turn.usage ?? noUsage),
  };
}
