import { randomUUID } from 'node:crypto';
import { parseJson, recordOf, textOf, type Fields } from '../fields.ts';
import type { Proof } from '../model-request.ts';
import { wrapProof } from '../proof.ts';
import type { OpenBlock } from '../turn-sink.ts';

const newId = (prefix: string): string => prefix + randomUUID().replaceAll('-', '');

export const responseId = (id: string): string => (id.startsWith('resp_') ? id : newId('resp_'));
const callId = (id: string): string => id || newId('call_');

/** A fresh output item for a block, still empty. */
export function itemOf(block: OpenBlock): Fields {
  if (block.type === 'reasoning') return { id: newId('rs_'), type: 'reasoning', summary: [] };
  if (block.type !== 'tool-call') return { id: newId('msg_'), type: 'message', status: 'in_progress', role: 'assistant', content: [] };
  const call = { call_id: callId(block.id), name: block.name, ...(block.namespace !== null && { namespace: block.namespace }) };
  if (block.kind === 'custom') return { id: newId('ctc_'), type: 'custom_tool_call', status: 'in_progress', ...call, input: '' };
  if (block.kind === 'local-shell') return { id: newId('lsh_'), type: 'local_shell_call', status: 'in_progress', call_id: call.call_id, action: { type: 'exec', command: [], env: {} } };
  return { id: newId('fc_'), type: 'function_call', status: 'in_progress', ...call, arguments: '' };
}

/** The same item, whole. */
export function wholeItem(item: Fields, block: OpenBlock, text: string, proof: Proof | null): Fields {
  if (block.type === 'reasoning') {
    const own = proof?.vendor === 'openai' ? { id: proof.id, encrypted_content: proof.encrypted } : proof !== null && { encrypted_content: wrapProof(proof) };
    return { ...item, summary: text === '' ? [] : [{ type: 'summary_text', text }], ...own };
  }
  const whole = { ...item, status: 'completed' };
  if (block.type !== 'tool-call') return { ...whole, content: [contentPart(block, text)] };
  if (block.kind === 'custom') return { ...whole, input: text };
  if (block.kind === 'local-shell') return { ...whole, action: shellAction(text) };
  return { ...whole, arguments: text || '{}' };
}

export function contentPart(block: OpenBlock, text: string): Fields {
  return block.type === 'refusal' ? { type: 'refusal', refusal: text } : { type: 'output_text', text, annotations: [], logprobs: [] };
}

function shellAction(text: string): Fields {
  const asked = recordOf(parseJson(text)) ?? {};
  return { ...asked, type: 'exec', command: Array.isArray(asked.command) ? asked.command : [textOf(asked.command) ?? ''], env: recordOf(asked.env) ?? {} };
}
