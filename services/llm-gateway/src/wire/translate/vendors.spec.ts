import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hearAnthropic, hearChat, type Heard } from '../../../test/wire/hear.ts';
import { through } from '../../../test/wire/streams.ts';
import { StreamSniffer } from '../stream-sniffer.ts';
import { translationBetween } from '../translation.ts';
import { usageReaders } from '../usage-readers.ts';
import { unwrapProof } from './proof.ts';

const fixture = (name: string): string => readFileSync(join(import.meta.dirname, '../../../test/wire/fixtures', `${name}.sse`), 'utf8');
const everyWay = [[], Array.from({ length: 5_000 }, () => 1), Array.from({ length: 900 }, (_, index) => (index * 7) % 23)];

/** What a client hears, however the bytes come. */
function heardFrom(name: string, client: 'openai-chat' | 'anthropic-messages', upstream: 'openai-chat' | 'anthropic-messages' | 'openai-responses', tools: object[] = []): Heard {
  const asked = { model: 'm', stream: true, stream_options: { include_usage: true }, max_tokens: 9, messages: [], tools };
  const all = everyWay.map((cuts) => (client === 'openai-chat' ? hearChat : hearAnthropic)(through(translationBetween(client, upstream)!.request(asked), fixture(name), cuts)));
  for (const one of all) expect({ ...one, blocks: one.blocks.map((block) => ({ ...block, id: '' })) }).toEqual({ ...all[0], blocks: all[0]!.blocks.map((block) => ({ ...block, id: '' })) });
  const sniffer = new StreamSniffer(usageReaders[upstream], false);
  sniffer.push(Buffer.from(fixture(name)));
  sniffer.end();
  const seen = sniffer.usage;
  // What is billed is what the client is told.
  if (seen) expect({ fresh: seen.uncachedInput, read: seen.cacheRead, written: seen.cacheWrite5m + seen.cacheWrite1h, output: seen.output, reasoning: seen.reasoning }).toEqual(all[0]!.usage);
  return all[0]!;
}

const call = (id: string, input: string, name = 'read') => ({ type: 'call', id, name, input });

describe('streams as each vendor writes them', () => {
  it('Azure: a first chunk that only judges the prompt', () => {
    expect(heardFrom('azure', 'anthropic-messages', 'openai-chat')).toMatchObject({ blocks: [{ type: 'text', text: 'Hello Azure' }], stop: 'end', usage: { fresh: 21, output: 3 } });
  });

  it('Gemini: whole calls that share an index, a signature, thoughts that only the total tells', () => {
    const heard = heardFrom('gemini', 'anthropic-messages', 'openai-chat');
    expect(heard.blocks).toEqual([{ type: 'text', text: 'Looking.' }, { type: 'reasoning', text: '' }, call('function-call-11', '{"path":"/a"}'), call('function-call-12', '{"path":"/b"}')]);
    expect(heard).toMatchObject({ stop: 'tools', usage: { fresh: 50, output: 40, reasoning: 26 } });
  });

  it('DeepSeek: reasoning beside null content, cache hits', () => {
    expect(heardFrom('deepseek', 'anthropic-messages', 'openai-chat')).toMatchObject({ blocks: [{ type: 'reasoning', text: 'First think.' }, { type: 'text', text: 'Then speak.' }], usage: { fresh: 36, read: 64, output: 12, reasoning: 7 }, proofs: [] });
  });

  it('Mistral: content in parts, usage with the end', () => {
    expect(heardFrom('mistral', 'anthropic-messages', 'openai-chat')).toMatchObject({ blocks: [{ type: 'reasoning', text: 'Weigh it.' }, { type: 'text', text: 'Oui.' }], usage: { fresh: 8, output: 6 } });
  });

  it('Groq: reasoning under another name, usage in a field of its own', () => {
    expect(heardFrom('groq', 'anthropic-messages', 'openai-chat')).toMatchObject({ blocks: [{ type: 'reasoning', text: 'Fast.' }, { type: 'text', text: 'Quick.' }], usage: { fresh: 30, output: 5 } });
  });

  it('xAI: usage in every chunk, the last one counts', () => {
    expect(heardFrom('xai', 'anthropic-messages', 'openai-chat')).toMatchObject({ blocks: [{ type: 'reasoning', text: 'Hm' }, { type: 'text', text: 'Yes' }], usage: { fresh: 10, output: 9, reasoning: 7 } });
  });

  it('OpenRouter: comments, carriage returns, details, usage in a chunk with an empty choice', () => {
    const heard = heardFrom('openrouter', 'anthropic-messages', 'openai-chat');
    expect(heard).toMatchObject({ blocks: [{ type: 'reasoning', text: 'So it goes' }, { type: 'text', text: 'Routed.' }], usage: { fresh: 5, output: 4 }, stop: 'end' });
    // What was said in pieces goes back whole.
    expect(heard.proofs.map(unwrapProof)).toEqual([{ vendor: 'details', details: [{ type: 'reasoning.text', text: 'So it goes', format: 'anthropic-claude-v1', index: 0, signature: 'sg' }, { type: 'reasoning.encrypted', data: 'xx', index: 1 }] }]);
  });

  it('Ollama: a stop that was a call, no usage', () => {
    expect(heardFrom('ollama', 'anthropic-messages', 'openai-chat')).toMatchObject({ blocks: [call('call_ab', '{"path":"/a"}')], stop: 'tools' });
  });

  it('vLLM: arguments that begin as null', () => {
    expect(heardFrom('vllm', 'anthropic-messages', 'openai-chat')).toMatchObject({ blocks: [call('chatcmpl-tool-1', '{"path": "/a"}')], stop: 'tools', usage: { fresh: 9, output: 8 } });
  });

  it('Anthropic: omitted and redacted thinking, its own service\'s search, cache ages, a call without input', () => {
    const heard = heardFrom('anthropic', 'openai-chat', 'anthropic-messages');
    expect(heard.blocks).toEqual([{ type: 'text', text: 'Found it.' }, call('toolu_01A', '{"path":"/a"}'), call('toolu_01B', '{}', 'now')]);
    expect(heard).toMatchObject({ proofs: ['EqQB', 'EmwK'], stop: 'tools', usage: { fresh: 12, read: 5_000, written: 300, output: 89, reasoning: 40 } });
  });

  it('OpenAI: a summary in parts, its own service\'s search, a custom call', () => {
    const heard = heardFrom('responses', 'anthropic-messages', 'openai-responses');
    expect(heard.blocks).toEqual([{ type: 'reasoning', text: '**Plan**\n\nDo it.' }, { type: 'text', text: 'Patching.' }, call('call_P', '*** Begin', 'apply_patch')]);
    expect(heard).toMatchObject({ stop: 'tools', usage: { fresh: 76, read: 1_024, written: 100, output: 300 } });
  });

  it('Gemini, where it gives calls no ids: their signatures come back with them', () => {
    const stream = `data: ${JSON.stringify({ choices: [{ index: 0, delta: { tool_calls: [{ index: 0, id: '', function: { name: 'f', arguments: '{}' }, extra_content: { google: { thought_signature: 'gem==' } } }] }, finish_reason: 'stop' }] })}\n\ndata: [DONE]\n\n`;
    const heard = hearAnthropic(through(translationBetween('anthropic-messages', 'openai-chat')!.request({ model: 'm', max_tokens: 9, messages: [] }), stream));
    const [id] = heard.blocks.flatMap((block) => (block.type === 'call' ? [block.id] : []));
    expect(id).toMatch(/^call_/);
    expect(heard.proofs.map(unwrapProof)).toEqual([{ vendor: 'google', call: id, signature: 'gem==' }]);
  });
});
