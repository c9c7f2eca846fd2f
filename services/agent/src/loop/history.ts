import { textOf, type Message, type ToolResultBlock } from '@deskhand/contracts';
import type { ModelMessage } from './model.ts';
import { withRecentPictures } from './pictures.ts';
import { resultForModel } from './result-for-model.ts';

/** Told to the model in place of a result that was never recorded. */
const neverRan = 'This call was not run.';
const wasStopped = '[The person stopped this answer here.]';

/**
 * The conversation as the model of one run must see it.
 *
 * - Messages of one run stand together, where the run's first one stood, and what belongs to runs after this one is left
 *   out: a person may have written the next message while an earlier run was still working.
 * - Results follow their calls, in the order of the calls, whenever they were recorded; a call without one gets words
 *   instead, for every provider refuses a call that nothing answers.
 * - Pictures come with their results, the newest few of them.
 * - What remains of an answer that a person stopped stays, with a note. What remains of one that a crash cut does not:
 *   its step was made again, so the model would read the beginning twice. A cut message is such a remainder when its run
 *   went on after it.
 */
export function messagesForModel(history: readonly Message[], runId: string): ModelMessage[] {
  const ordered = inOrderOfRuns(history, runId);
  const results = resultsById(ordered);
  const messages: ModelMessage[] = [];
  for (const [index, message] of ordered.entries()) {
    if (message.role === 'user') {
      const notices = noticesOf(message);
      // Without text blocks its string says all, unless that only repeats a notice.
      const text = [textOf(message.blocks) || (notices.length === 0 ? message.content : ''), ...notices].filter((part) => part !== '').join('\n\n');
      if (text !== '') messages.push({ role: 'user', text });
    } else if (message.role === 'assistant') {
      if (message.cut && wentOn(ordered, index, runId)) continue;
      messages.push(...assistantMessages(message, results));
    }
  }
  return withRecentPictures(messages);
}

function assistantMessages(message: Message, results: ReadonlyMap<string, ToolResultBlock>): ModelMessage[] {
  const calls = message.blocks.filter((block) => block.type === 'tool_call');
  const said = message.blocks.filter((block) => block.type !== 'tool_result' && block.type !== 'notice');
  const blocks = message.cut
    // An unfinished thought has no signature, and what a person stopped is told by its text.
    ? [...said.filter((block) => block.type === 'text'), { type: 'text' as const, text: wasStopped }]
    : said;
  if (blocks.length === 0) return [];
  const answers = calls.map((call) => {
    const block = results.get(call.tool_call_id);
    return block === undefined
      ? { tool_call_id: call.tool_call_id, text: neverRan, is_error: true }
      : {
          tool_call_id: call.tool_call_id, text: resultForModel(block), is_error: block.is_error,
          // A failed call is told in words alone: not every provider takes pictures with it.
          ...(!block.is_error && block.result.images !== undefined && block.result.images.length > 0 && { images: block.result.images }),
        };
  });
  if (message.cut || answers.length === 0) return [{ role: 'assistant', blocks }];
  return [{ role: 'assistant', blocks }, { role: 'tool', results: answers }];
}

/** What happened around the conversation; marked, so that it is not taken for the person's words. */
function noticesOf(message: Message): string[] {
  return message.blocks.flatMap((block) => (block.type === 'notice' ? [`[Notice from Deskhand: ${block.text}]`] : []));
}

/** Results of all calls by their call. */
export function resultsById(history: readonly Message[]): Map<string, ToolResultBlock> {
  const results = new Map<string, ToolResultBlock>();
  for (const message of history) for (const block of message.blocks) if (block.type === 'tool_result') results.set(block.tool_call_id, block);
  return results;
}

function wentOn(ordered: readonly Message[], index: number, runId: string): boolean {
  const { run_id: run } = ordered[index] as Message;
  if (run === null) return false;
  return run === runId || ordered.slice(index + 1).some((later) => later.run_id === run && later.role === 'assistant');
}

function inOrderOfRuns(history: readonly Message[], runId: string): Message[] {
  const groups = new Map<string, Message[]>();
  for (const message of history) {
    const key = message.run_id ?? message.id;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [message]);
    else group.push(message);
  }
  const keys = [...groups.keys()];
  const own = keys.indexOf(runId);
  return (own < 0 ? keys : keys.slice(0, own + 1)).flatMap((key) => groups.get(key) as Message[]);
}
