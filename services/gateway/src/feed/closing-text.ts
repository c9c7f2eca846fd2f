import { deltaTypeOf, type DurableEvent, type LiveEvent, type OpenBlock } from '@deskhand/contracts';

/** A block as a durable event or a worker states it: its whole text. */
export type WholeBlock = OpenBlock;

/** The blocks that a durable event finishes, each with all of its text, in the order in which they were written. */
export function blocksClosedBy(event: DurableEvent): WholeBlock[] {
  if (event.type === 'message-added') {
    const runId = event.message.run_id ?? '';
    return event.message.blocks.flatMap((block): WholeBlock[] =>
      (block.type === 'text' || block.type === 'reasoning') && block.block !== undefined
        ? [{ block: block.block, kind: block.type, attempt: block.attempt ?? 0, text: block.text, run_id: runId }]
        : [],
    );
  }
  if (event.type === 'tool-call-ended' && event.block !== undefined) {
    return [{ block: event.block, kind: 'tool-output', attempt: event.attempt ?? 0, text: event.result.output, run_id: event.run_id, tool_call_id: event.tool_call_id }];
  }
  return [];
}

/** The delta that brings a reader from `offset` to the end of `block`. */
export function deltaOf(block: WholeBlock, offset: number): LiveEvent {
  const { block: id, attempt, run_id, kind, tool_call_id } = block;
  return { type: deltaTypeOf[kind], run_id, block: id, attempt, offset, text: block.text.slice(offset), ...(kind === 'tool-output' && { tool_call_id: tool_call_id ?? '' }) } as LiveEvent;
}

/** Length of `text` without a first half of a surrogate pair at its end. */
export function wholeLength(text: string): number {
  const last = text.charCodeAt(text.length - 1);
  return last >= 0xd800 && last <= 0xdbff ? text.length - 1 : text.length;
}
