import type { ConversationFormat } from '../../src/wire/formats.ts';
import { eventsOf } from '../wire/turns.ts';

/** How a stream ended for its client. */
export type Ending = 'whole' | 'failed';
type Fields = Record<string, any>;

function must(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`Broken stream: ${what}`);
}

/**
 * Holds a stream to the order of its format, whatever it says: every event readable, one beginning, every block begun once and ended
 * once, one end, nothing after it. A stream that fails may leave the block open that it was in.
 */
export const endingOf: Record<ConversationFormat, (stream: string) => Ending> = { 'openai-chat': chatEnding, 'anthropic-messages': anthropicEnding, 'openai-responses': responsesEnding };

function chatEnding(stream: string): Ending {
  const events = eventsOf(stream);
  let calls = 0;
  let finished = false;
  for (const [index, event] of events.entries()) {
    if (event.type === '[DONE]' || event.error !== undefined) {
      must(index === events.length - 1, 'something after the end');
      must(event.error !== undefined || finished, '[DONE] without a finish_reason');
      return event.error === undefined ? 'whole' : 'failed';
    }
    const choice = event.choices[0] as Fields | undefined;
    if (choice === undefined) {
      must(finished && event.usage != null, 'an empty chunk');
      continue;
    }
    must(!finished, 'something after finish_reason');
    must((index === 0) === (choice.delta.role === 'assistant'), 'the role comes first and once');
    for (const call of choice.delta.tool_calls ?? []) {
      if (call.id !== undefined) must(call.index === calls++ && call.id !== '' && typeof (call.function ?? call.custom).name === 'string', 'a call begins badly');
      else must(call.index === calls - 1, 'a piece of a call that is not the last');
    }
    finished = choice.finish_reason !== null;
  }
  throw new Error('Broken stream: it never ends');
}

function anthropicEnding(stream: string): Ending {
  const events = eventsOf(stream).filter(({ type }) => type !== 'ping');
  let [blocks, open, begun, ending] = [0, false, false, false];
  for (const [index, event] of events.entries()) {
    must(event.event === event.type, 'a name that is not the type');
    if (event.type === 'error') {
      must(index === events.length - 1, 'something after the error');
      return 'failed';
    }
    must((index === 0) === (event.type === 'message_start'), 'message_start comes first and once');
    begun ||= event.type === 'message_start';
    if (event.type === 'content_block_start') {
      must(!open && !ending && event.index === blocks, 'a block begins out of turn');
      must(event.content_block.type !== 'tool_use' || event.content_block.id !== '', 'a call without an id');
      open = true;
    } else if (event.type === 'content_block_delta') must(open && event.index === blocks, 'a delta outside its block');
    else if (event.type === 'content_block_stop') {
      must(open && event.index === blocks, 'a block ends twice');
      open = false;
      blocks++;
    } else if (event.type === 'message_delta') {
      must(!open && !ending && typeof event.delta.stop_reason === 'string' && typeof event.usage.output_tokens === 'number', 'message_delta out of turn');
      ending = true;
    } else if (event.type === 'message_stop') {
      must(begun && ending && index === events.length - 1, 'message_stop out of turn');
      return 'whole';
    } else must(event.type === 'message_start', `an unknown event ${String(event.type)}`);
  }
  throw new Error('Broken stream: it never ends');
}

function responsesEnding(stream: string): Ending {
  const events = eventsOf(stream);
  let [items, open] = [0, false];
  for (const [index, event] of events.entries()) {
    must(event.event === event.type && event.sequence_number === index, 'numbers or names that do not fit');
    if (event.type === 'response.failed') {
      must(index === events.length - 1, 'something after the failure');
      return 'failed';
    }
    must((index === 0) === (event.type === 'response.created'), 'response.created comes first and once');
    if (event.type === 'response.output_item.added') {
      must(!open && event.output_index === items, 'an item begins out of turn');
      open = true;
    } else if (event.type === 'response.output_item.done') {
      must(open && event.output_index === items, 'an item ends twice');
      open = false;
      items++;
    } else if (event.type === 'response.completed' || event.type === 'response.incomplete') {
      must(!open && index === events.length - 1 && event.response.output.length === items, 'the end comes out of turn');
      return 'whole';
    } else if (event.output_index !== undefined) must(open && event.output_index === items, 'something outside its item');
  }
  throw new Error('Broken stream: it never ends');
}
