import { noUsage } from '../../token-usage.ts';
import type { CollectedBlock, CollectedTurn } from '../collected-turn.ts';
import { parseJson, type Fields } from '../fields.ts';
import { thinkingBlock } from '../proof.ts';
import { writeAnthropicUsage } from './usage.ts';
import { callId, messageId, stopReasonOf } from './write-stream.ts';

/** A whole message. */
export function writeAnthropicAnswer(turn: CollectedTurn, model: string): Fields {
  return {
    id: messageId(turn.id), type: 'message', role: 'assistant', model, content: turn.blocks.map(writeBlock),
    stop_reason: stopReasonOf(turn.stop), stop_sequence: turn.stopSequence, usage: writeAnthropicUsage(turn.usage ?? noUsage),
  };
}

function writeBlock({ block, text, proof }: CollectedBlock): object {
  if (block.type === 'reasoning') return thinkingBlock(text, proof);
  if (block.type === 'tool-call') return { type: 'tool_use', id: callId(block.id), name: block.name, input: inputOf(text) };
  return { type: 'text', text, citations: null };
}

/** Arguments that are no object, from a model that wrote broken JSON, are given as what they are. */
function inputOf(text: string): unknown {
  const input = parseJson(text.trim() || '{}');
  return typeof input === 'object' && input !== null && !Array.isArray(input) ? input : { input: text };
}
