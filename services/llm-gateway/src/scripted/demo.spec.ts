import { describe, expect, it } from 'vitest';
import type { WireFormat } from '@deskhand/contracts';
import { noUsage } from '../wire/token-usage.ts';
import { anthropicMessagesAnswer } from '../wire/anthropic-messages-writer.ts';
import { openaiChatAnswer } from '../wire/openai-chat-writer.ts';
import type { Turn } from '../wire/turn.ts';
import { viewConversation } from './conversation-view.ts';
import { builtInTurn } from './built-in-turn.ts';
import { builtInModels, findBuiltIn } from './built-in-models.ts';

type Fields = Record<string, unknown>;
type Result = { text: string; isError?: boolean };
const names = ['bash', 'read', 'write', 'edit'];
const demo = findBuiltIn('scripted', 'demo')!;

/** A conversation as a client of the format would hold it. */
class Conversation {
  private readonly messages: Fields[] = [];
  constructor(private readonly format: WireFormat, private readonly tools: readonly string[] = names) {}

  /** Something that the agent tells beside what the person says. */
  notice(text: string): void {
    this.say(`[Notice from Deskhand: ${text}]`);
  }

  say(text: string): void {
    this.messages.push({ role: 'user', content: this.format === 'openai-chat' ? text : [{ type: 'text', text }] });
  }

  ask(): Turn {
    const openai = this.format === 'openai-chat';
    const tools = this.tools.map((name) => (openai ? { type: 'function', function: { name } } : { name, input_schema: {} }));
    const system = 'You are an agent. The tour is over. run date';
    const body = openai ? { tools, messages: [{ role: 'system', content: system }, ...this.messages] } : { tools, system, messages: this.messages };
    const turn = builtInTurn(demo, this.format, body, 100);
    const heading = { id: 'x', model: 'm', created: 1 };
    if (openai) this.messages.push((openaiChatAnswer(turn, heading) as { choices: { message: Fields }[] }).choices[0]!.message);
    else this.messages.push({ role: 'assistant', content: (anthropicMessagesAnswer(turn, heading) as { content: unknown }).content });
    return turn;
  }

  /** Answers the calls of the last turn. */
  answer(turn: Turn, result: (name: string, input: Fields) => Result): void {
    const results = turn.parts.flatMap((part) => (part.type === 'tool-call' ? [{ id: part.id, ...result(part.name, JSON.parse(part.arguments) as Fields) }] : []));
    if (this.format === 'openai-chat') for (const { id, text, isError } of results) this.messages.push({ role: 'tool', tool_call_id: id, content: isError ? `Error: ${text}` : text });
    else this.messages.push({ role: 'user', content: results.map(({ id, text, isError }) => ({ type: 'tool_result', tool_use_id: id, content: [{ type: 'text', text }], is_error: isError ?? false })) });
  }

  run(result: (name: string, input: Fields) => Result): { calls: { name: string; input: Fields }[]; texts: string[] } {
    const calls: { name: string; input: Fields }[] = [];
    const texts: string[] = [];
    for (let step = 0; step < 20; step++) {
      const turn = this.ask();
      texts.push(turn.parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join(''));
      for (const part of turn.parts) if (part.type === 'tool-call') calls.push({ name: part.name, input: JSON.parse(part.arguments) as Fields });
      if (turn.stop === 'end') return { calls, texts };
      this.answer(turn, result);
    }
    throw new Error('The tour never ended');
  }
}

const works = (name: string): Result => ({ text: name === 'bash' ? 'Linux box 6.1\nPython 3.13' : 'done' });

describe.each<WireFormat>(['openai-chat', 'anthropic-messages'])('scripted/demo in %s', (format) => {
  it('gives the tour for whatever is said first', () => {
    const conversation = new Conversation(format);
    conversation.say('Please sort my photos');
    const { calls, texts } = conversation.run(works);
    expect(calls.map((call) => call.name)).toEqual(['bash', 'write', 'bash', 'edit', 'read', 'bash', 'bash']);
    expect(calls[0]?.input.command).toContain('uname -a');
    const [, write, , edit] = calls;
    expect(write?.input.content).toContain(edit?.input.old_string);
    expect(String(write?.input.content).split(String(edit?.input.old_string))).toHaveLength(2);
    expect(edit?.input.new_string).not.toBe(edit?.input.old_string);
    expect(calls.at(-1)?.input).toMatchObject({ ask_first: true, reason: expect.stringContaining('/workspace/hello.py') as string });
    expect(calls.slice(0, -1).every((call) => call.input.ask_first === undefined)).toBe(true);
    expect(texts[0]).toContain('scripted/demo');
    expect(texts[1]).toContain('Linux box 6.1');
    expect(texts.at(-1)).toMatch(/You allowed it/);
    expect(texts.at(-1)).toMatch(/\| step \| tool \| outcome \|\n\|---/);
    expect(texts.at(-1)).toMatch(/```python\ndef greet/);
    expect(texts.at(-1)).toMatch(/\n- Reload/);
  });

  it('uses the desktop where there is one: opens a page, fills in its form by mouse and keyboard, reads what arrived', () => {
    const conversation = new Conversation(format, [...names, 'computer']);
    conversation.say('hi');
    const { calls, texts } = conversation.run(works);
    const tail = calls.slice(6);
    expect(tail.map((call) => call.name)).toEqual(['write', 'write', 'bash', 'bash', ...Array<string>(9).fill('computer'), 'bash', 'bash']);
    expect(tail.flatMap((call) => (call.name === 'computer' ? [call.input.action] : []))).toEqual(['screenshot', 'click', 'key', 'type', 'click', 'key', 'type', 'click', 'screenshot']);
    expect(tail[2]?.input).toMatchObject({ background: true });
    expect(tail[3]?.input.command).toContain('open http://127.0.0.1:');
    expect(tail.at(-1)?.input).toMatchObject({ ask_first: true });
    expect(texts.at(-1)).toMatch(/\| fill in a form on the desktop \| `computer` \| worked \|/);
  });

  it('leaves the rest of the desktop\'s tour out once something there did not work', () => {
    const conversation = new Conversation(format, [...names, 'computer']);
    conversation.say('hi');
    const { calls, texts } = conversation.run((name) => (name === 'computer' ? { text: 'The computer is not available, so the call was not run: no screen', isError: true } : works(name)));
    expect(calls.filter((call) => call.name === 'computer')).toHaveLength(4);
    expect(calls.at(-1)?.input).toMatchObject({ ask_first: true });
    expect(texts.find((text) => text.includes('That step did not work'))).toContain('no screen');
    expect(texts.at(-1)).toMatch(/`computer` \| did not work/);
  });

  it('does a step on the desktop once more that a person broke off by taking over', () => {
    const conversation = new Conversation(format, [...names, 'computer']);
    conversation.say('hi');
    let typed = 0;
    const { calls, texts } = conversation.run((name, input) => {
      if (input.action === 'type' && typed++ === 0) return { text: 'Whether it took effect is not known.\n[interrupted before its result was known]', isError: true };
      return works(name);
    });
    expect(calls.flatMap(({ input }) => (input.action === 'type' ? [input.text] : []))).toEqual(['Zoë Łukasz', 'Zoë Łukasz', 'Grüße vom Schreibtisch']);
    expect(texts.filter((text) => text.includes('once more'))).toHaveLength(1);
    expect(texts.at(-1)).toMatch(/`computer` \| worked/);
  });

  it('takes pictures of results for no words of a person', () => {
    const picture = { role: 'user', content: [{ type: 'text', text: '[Picture of the result of call abc]' }, { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } }] };
    const view = viewConversation('openai-chat', { messages: [{ role: 'user', content: 'hi' }, picture, { role: 'user', content: [{ type: 'text', text: 'And this?' }, { type: 'image_url', image_url: { url: 'x' } }] }] });
    expect(view.entries).toEqual([{ kind: 'user', text: 'hi' }, { kind: 'user', text: 'And this?' }]);
  });

  it('says what it was told while a person drove, once, and goes on where it was', () => {
    const conversation = new Conversation(format, [...names, 'computer']);
    conversation.notice('A person used the desktop before anything was said.');
    conversation.say('hi');
    const seen: string[] = [];
    let asked = 0;
    const texts: string[] = [];
    for (let turn = conversation.ask(); turn.stop !== 'end'; turn = conversation.ask()) {
      texts.push(turn.parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join(''));
      for (const part of turn.parts) if (part.type === 'tool-call') seen.push(part.name);
      conversation.answer(turn, works);
      if (seen.includes('computer') && asked++ === 0) conversation.notice('A person used the desktop for 12 seconds: 3 clicks.');
    }
    const told = texts.filter((text) => text.includes('> A person used the desktop for 12 seconds: 3 clicks.'));
    expect(told).toEqual([expect.stringMatching(/I waited, and was told[^]*I go on where I was\.\n\nNow the second field/)]);
    expect(seen).toHaveLength(21);
  });

  it('reacts to a no', () => {
    const conversation = new Conversation(format);
    conversation.say('hi');
    const { texts } = conversation.run((name, input) => (input.ask_first === true ? { text: 'The person denied this call.', isError: true } : works(name)));
    expect(texts.at(-1)).toMatch(/You said no/);
    expect(texts.at(-1)).toMatch(/denied by you/);
  });

  it('ends kindly when there is no computer', () => {
    const conversation = new Conversation(format);
    conversation.say('hi');
    const { calls, texts } = conversation.run(() => ({ text: 'The computer is unavailable: no Docker engine', isError: true }));
    expect(calls).toHaveLength(1);
    expect(texts.at(-1)).toContain('no Docker engine');
  });

  it('goes on after a step that failed, and says so', () => {
    const conversation = new Conversation(format);
    conversation.say('hi');
    const { calls, texts } = conversation.run((name) => (name === 'edit' ? { text: 'old_string was not found', isError: true } : works(name)));
    expect(calls).toHaveLength(7);
    expect(texts.find((text) => text.includes('That step did not work'))).toContain('old_string was not found');
    expect(texts.at(-1)).toMatch(/\| change one line \| `edit` \| did not work \|/);
  });

  it('takes what a person says in between for no new start', () => {
    const conversation = new Conversation(format);
    conversation.say('hi');
    const first = conversation.ask();
    conversation.answer(first, works);
    conversation.say('Interesting, go on');
    expect(conversation.run(works).calls.map((call) => call.name)).toEqual(['write', 'bash', 'edit', 'read', 'bash', 'bash']);
  });

  it('talks a little afterwards, runs a command when asked, and tours again when asked', () => {
    const conversation = new Conversation(format);
    conversation.say('hi');
    conversation.run(works);
    conversation.say('What is the meaning of life?');
    expect(conversation.run(works)).toMatchObject({ calls: [] });
    conversation.say('Then run something');
    const ran = conversation.run(() => ({ text: 'Sat Nov 21' }));
    expect(ran.calls).toEqual([{ name: 'bash', input: { command: 'date', timeout_seconds: 20 } }]);
    expect(ran.texts.at(-1)).toContain('Sat Nov 21');
    conversation.say('One more tour please');
    expect(conversation.run(works).calls).toHaveLength(7);
  });

  it('only chats without tools, and leaves out steps whose tools are missing', () => {
    const conversation = new Conversation(format, []);
    conversation.say('hi');
    expect(conversation.run(works)).toMatchObject({ calls: [], texts: [expect.stringContaining('scripted/demo')] });
    const few = new Conversation(format, ['bash']);
    few.say('hi');
    expect(few.run(works).calls.map((call) => call.name)).toEqual(['bash', 'bash', 'bash']);
  });

  it('answers odd requests too', () => {
    for (const model of builtInModels) {
      for (const messages of [[], [{}], [{ role: 'user' }], [{ role: 'user', content: null }], [{ role: 'user', content: [{ type: 'image' }, 5, null] }], ['x', null], [{ role: 'tool', content: [] }], [{ role: 'assistant', tool_calls: [{}], content: [{ type: 'tool_use' }] }]]) {
        expect(builtInTurn(model, format, { messages, tools: 'x' }, 10).usage).toMatchObject({ ...noUsage, uncachedInput: 3, output: expect.any(Number) as number, reasoning: expect.any(Number) as number });
      }
    }
  });
});
