import { words } from './surroundings.ts';

const question = 'What does the quick brown fox do when it meets the lazy dog in the yard? Answer in one short paragraph and say nothing about the weather.';

const chat = (model: string, more: object): string => JSON.stringify({ model, messages: [{ role: 'system', content: 'You are a helpful assistant.' }, { role: 'user', content: question }], temperature: 0.2, ...more });

/** One question, answered whole. */
export const wholeRequest = (model: string): string => chat(model, { max_tokens: 256 });

/** One question, answered as a stream with its usage. */
export const streamRequest = (model: string): string => chat(model, { max_tokens: 256, stream: true, stream_options: { include_usage: true } });

/** The same in Anthropic's format. */
export const anthropicRequest = (model: string): string => JSON.stringify({ model, max_tokens: 256, stream: true, system: 'You are a helpful assistant.', messages: [{ role: 'user', content: question }], temperature: 0.2 });

/** An agent's conversation of about 411 KB: files that it read, commands that it ran. */
export function longRequest(model: string): string {
  const messages: object[] = [{ role: 'system', content: words(600, 1) }, { role: 'user', content: 'Find out why the build fails and fix it.' }];
  for (let step = 0, size = 0; size < 405_000; step++) {
    const [id, output] = [`call_${String(step).padStart(6, '0')}`, words(700, step + 2)];
    const call = { role: 'assistant', content: null, tool_calls: [{ id, type: 'function', function: { name: 'bash', arguments: JSON.stringify({ command: `sed -n '${step * 40},${step * 40 + 40}p' src/part-${step}.ts` }) } }] };
    const result = { role: 'tool', tool_call_id: id, content: output };
    messages.push(call, result);
    size += Buffer.byteLength(JSON.stringify(call)) + Buffer.byteLength(JSON.stringify(result));
  }
  const tools = [{ type: 'function', function: { name: 'bash', description: 'Runs a command.', parameters: { type: 'object', properties: { command: { type: 'string' } }, required: ['command'] } } }];
  return JSON.stringify({ model, messages, tools, stream: true, stream_options: { include_usage: true }, max_tokens: 8_000 });
}
