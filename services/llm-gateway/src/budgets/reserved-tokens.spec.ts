import { describe, expect, it } from 'vitest';
import { openLong } from '../wire/unread-fields.ts';
import { answersOf, inputOf, mayKeepForAnHour, outputOf, pictureTokensAt } from './reserved-tokens.ts';

const chat = { messages: [] };
const responses = { input: 'hi' };

describe('what is reserved for a call (LLM-5)', () => {
  it.each<[string, object, { most: number; limit: number | null }]>([
    ['nothing stated', chat, { most: 100, limit: 100 }],
    ['a limit of the format', { ...chat, max_tokens: 30 }, { most: 30, limit: null }],
    ['the newer one, which messages do not know', { ...chat, max_completion_tokens: 30 }, { most: 30, limit: 30 }],
    ['two limits: whichever counts, no more', { ...chat, max_completion_tokens: 1, max_tokens: 900 }, { most: 900, limit: null }],
    ['responses', { ...responses, max_output_tokens: 30 }, { most: 30, limit: null }],
    ['a field of another format', { ...chat, max_output_tokens: 1 }, { most: 100, limit: 100 }],
    ['a field of another format', { ...responses, max_tokens: 1 }, { most: 100, limit: 100 }],
    ['a body of two formats', { ...chat, ...responses, max_tokens: 1, max_output_tokens: 1 }, { most: 100, limit: 100 }],
    ['completions', { prompt: 'hi', max_tokens: 30 }, { most: 30, limit: null }],
    ['completions, with the newer one', { prompt: 'hi', max_completion_tokens: 1 }, { most: 100, limit: 100 }],
    ['a body of two formats', { ...chat, prompt: 'hi', max_completion_tokens: 1 }, { most: 100, limit: 100 }],
    ['responses with a prompt that OpenAI keeps', { ...responses, prompt: { id: 'p' }, max_output_tokens: 30 }, { most: 30, limit: null }],
    ['a number that is a text, which some take', { ...chat, max_tokens: 5, max_completion_tokens: '100000' }, { most: 100, limit: 100 }],
    ['what is no limit', { ...chat, max_tokens: '5', max_completion_tokens: 0 }, { most: 100, limit: 100 }],
  ])('output: %s (%j)', (_, body, expected) => {
    expect(outputOf(body as Record<string, unknown>, 100)).toEqual(expected);
  });

  it('several answers are several outputs, also where their number is a text', () => {
    expect([{}, { n: 3 }, { n: -1 }, { n: 2, best_of: 5 }, { n: '100' }, { n: 'many' }, { n: '2.5' }].map(answersOf)).toEqual([1, 3, 1, 5, 100, 1, 3]);
  });

  const picture = `data:image/png;base64,${'A'.repeat(20_000)}`;
  it.each<[string, object, number]>([
    ['words', { messages: [{ role: 'user', content: 'hi' }, { role: 'user', content: [{ type: 'text', text: 'https://x.y' }] }] }, 0],
    ['pictures that are there, for their bytes', { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: picture } }, { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } }] }] }, 2_000 - picture.length - 4],
    ['pictures that are named', { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'https://x.y/z.png' } }, { type: 'image', source: { type: 'url', url: 'https://x.y/z.png' } }] }] }, 2_000],
    ['one in a tool\'s result', { messages: [{ role: 'user', content: [{ type: 'tool_result', content: [{ type: 'image', source: { type: 'url', url: 'https://x.y/z.png' } }] }] }] }, 1_000],
    ['a document that is named', { messages: [{ role: 'user', content: [{ type: 'document', source: { type: 'url', url: 'https://x.y/z.pdf' } }] }] }, 200_000],
    ['documents that are there, whose pages nobody can tell from their bytes', { messages: [{ role: 'user', content: [{ type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'AA' } }, { type: 'file', file: { file_data: 'data:application/pdf;base64,AA' } }, { type: 'image_url', image_url: { url: 'data:application/pdf;base64,AA' } }] }] }, 600_000],
    ['a document of plain text, and one of parts', { messages: [{ role: 'user', content: [{ type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'hi' } }, { type: 'document', source: { type: 'content', content: [{ type: 'image', source: { type: 'url', url: 'https://x.y/z.png' } }] } }] }] }, 1_000],
    ['a file that the provider has', { input: [{ role: 'user', content: [{ type: 'input_file', file_id: 'file-1' }, { type: 'input_image', image_url: 'https://x.y/z.png' }, { type: 'input_image', file_id: 'file-2' }] }] }, 202_000],
    ['outputs with a picture', { input: [{ type: 'function_call_output', output: [{ type: 'input_image', image_url: 'https://x.y/z.png' }] }, { type: 'computer_call_output', output: { type: 'computer_screenshot', file_id: 'file-1' } }] }, 2_000],
    ['a conversation that the provider has', { input: 'hi', previous_response_id: 'resp_1' }, 200_000],
    ['items that the provider has', { input: [{ type: 'item_reference', id: 'msg_1' }, { id: 'msg_2' }, { type: 'reasoning', id: 'rs_1', summary: [] }, { role: 'user', content: 'hi' }] }, 400_000],
    ['items that the provider has, in a body of two formats', { messages: [], input: [{ id: 'msg_1' }] }, 200_000],
    ['tools of the caller\'s own, which a vendor explains to the model', { messages: [], tools: [{ type: 'function', function: { name: 'web_search' } }, { name: 'a', input_schema: {} }, { type: 'namespace', name: 'n', tools: [{ type: 'function', name: 'b' }] }] }, 1_000],
    ['tools of a vendor\'s making that the caller runs', { messages: [], tools: [{ type: 'bash_20250124', name: 'bash' }, { type: 'computer_use_preview' }] }, 3_000],
    ['calls of tools that are not on offer any more', { messages: [{ role: 'assistant', content: [{ type: 'tool_use', id: 'a', name: 'b', input: {} }] }] }, 1_000],
    ['a form that is asked of the answer', { messages: [], output_config: { format: { type: 'json_schema', schema: {} } } }, 1_000],
    ['tools that the provider runs', { messages: [], tools: [{ type: 'web_search_20260209', name: 'web_search' }, { type: 'code_interpreter' }, { google_search: {} }, { type: 'namespace', name: 'n', tools: [{ type: 'mcp' }] }] }, 801_000],
    ['what else brings something in', { messages: [], mcp_servers: [{ type: 'url' }], web_search_options: {} }, 400_000],
    ['what Google has in a cache', { messages: [], cached_content: 'cachedContents/1', extra_body: { google: { cached_content: 'cachedContents/1' } } }, 400_000],
    ['tools that come along with the input', { input: [{ type: 'additional_tools', tools: [{ type: 'file_search' }] }] }, 200_000],
    ['nonsense', { messages: [null, 5, { content: [null, [], { source: 7, image_url: null }] }], tools: 'all' }, 1_000],
  ])('input: a token a byte, and %s', (_, body, beside) => {
    const raw = Buffer.from(JSON.stringify(body));
    expect(inputOf(body as Record<string, unknown>, raw, 1_000)).toBe(raw.length + beside);
    // The same, with lists that are read only when somebody looks at them.
    const padding = { type: 'function', name: 'x'.repeat(10_000) };
    const long = Object.fromEntries(Object.entries(body).map(([name, value]) => [name, Array.isArray(value) ? [...(value as unknown[]), padding] : value]));
    const longRaw = Buffer.from(JSON.stringify(long));
    for (let time = 0; time < 2; time++) expect(inputOf(openLong(longRaw, 100)!, longRaw, 1_000)).toBe(longRaw.length + beside);
  });

  it('a conversation that is shortened first is read twice', () => {
    const raw = Buffer.alloc(500);
    expect(inputOf({ messages: [], context_management: { edits: [{ type: 'clear_tool_uses_20250919' }, { type: 'compact_20260112' }] } }, raw, 0)).toBe(1_000 + 200_000);
    expect(inputOf({ messages: [], context_management: { edits: [{ type: 'clear_tool_uses_20250919' }] } }, raw, 0)).toBe(500);
  });

  it('a picture counts as what the model makes of it that makes most of it', () => {
    expect([[{ model: 'gpt-5.5' }], [{ model: 'gpt-5.5' }, { model: 'ours', baseModel: 'azure/gpt-4o-mini' }]].map(pictureTokensAt)).toEqual([12_000, 50_000]);
  });

  it.each([['{"ttl":"1h"}', true], ['{"ttl": "1\\u0068"}', true], ['{"ttl":"\\u0031h"}', true], ['{"ttl":"5m","text":"for 1h"}', false]])('knows what may be kept for an hour: %s', (text, expected) => {
    expect(mayKeepForAnHour([{ model: 'other' }, { model: 'ours', baseModel: 'claude-x' }], Buffer.from(text))).toBe(expected);
    // Elsewhere no word of the body has to ask for it.
    expect(mayKeepForAnHour([{ model: 'other' }], Buffer.from(text))).toBe(true);
  });
});
