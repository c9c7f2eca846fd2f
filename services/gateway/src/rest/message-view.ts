import type { Message, MessageView } from '@deskhand/contracts';

/** A message in the shape of this API's first clients, with its blocks beside it. */
export function messageViewOf({ id, role, content, blocks, run_id, model, cut, created_at }: Message): MessageView {
  const calls = blocks.flatMap((block) => (block.type === 'tool_call' ? [{ id: block.tool_call_id, name: block.name, arguments: block.arguments }] : []));
  const results = blocks.flatMap((block) => (block.type === 'tool_result' ? [block] : []));
  return {
    id,
    role,
    content: role === 'tool' && content === '' ? results.map(({ result }) => result.output).join('\n') : content,
    tool_calls: calls.length > 0 ? JSON.stringify(calls) : null,
    tool_call_id: results[0]?.tool_call_id ?? null,
    token_count: null,
    created_at: created_at.slice(0, 19).replace('T', ' '),
    blocks, run_id, model, cut,
  };
}
