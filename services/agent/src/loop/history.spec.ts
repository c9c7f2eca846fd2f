import { newId, type ContentBlock, type Message } from '@deskhand/contracts';
import { describe, expect, it } from 'vitest';
import { messagesForModel } from './history.ts';

const message = (run: string | null, role: Message['role'], blocks: ContentBlock[], cut = false): Message => ({ id: newId(), branch_id: 'b', run_id: run, role, content: '', blocks, cut, model: null, created_at: '' });
const text = (words: string): ContentBlock => ({ type: 'text', text: words });
const call = (id: string): ContentBlock => ({ type: 'tool_call', tool_call_id: id, name: 'bash', arguments: { command: id } });
const result = (id: string, output: string, more: object = {}): ContentBlock => ({ type: 'tool_result', tool_call_id: id, name: 'bash', result: { output }, is_error: false, ...more });
const said = (words: string) => ({ role: 'user', text: words });

describe('what a model sees of a conversation', () => {
  it('has results follow their calls in the order of the calls, whenever they were recorded', () => {
    const history = [message('1', 'user', [text('go')]), message('1', 'assistant', [call('a'), call('b')]), message('1', 'user', [text('faster')]), message('1', 'tool', [result('b', 'B')]), message('1', 'tool', [result('a', 'A')])];
    expect(messagesForModel(history, '1')).toMatchObject([
      said('go'), { role: 'assistant' },
      { role: 'tool', results: [{ tool_call_id: 'a', text: 'A', is_error: false }, { tool_call_id: 'b', text: 'B' }] }, said('faster'),
    ]);
  });

  it('says of a call without a result that it was not run', () => {
    expect(messagesForModel([message('1', 'assistant', [call('a')])], '2')).toMatchObject([{}, { role: 'tool', results: [{ text: 'This call was not run.', is_error: true }] }]);
  });

  it('keeps runs together and leaves out what was said for later ones', () => {
    const history = [message('1', 'user', [text('first')]), message('2', 'user', [text('second')]), message('1', 'assistant', [text('one')]), message('3', 'user', [text('third')]), message('2', 'assistant', [call('a')])];
    expect(messagesForModel(history, '2').map((seen) => (seen.role === 'user' ? seen.text : seen.role))).toEqual(['first', 'assistant', 'second', 'assistant', 'tool']);
    expect(messagesForModel(history, '1').map((seen) => (seen.role === 'user' ? seen.text : seen.role))).toEqual(['first', 'assistant']);
  });

  it('keeps an answer that a person stopped, with a note and without its thoughts', () => {
    const history = [message('1', 'user', [text('go')]), message('1', 'assistant', [{ type: 'reasoning', text: 'hm' }, text('One, t')], true), message('2', 'user', [text('why?')])];
    expect(messagesForModel(history, '2')).toEqual([said('go'), { role: 'assistant', blocks: [text('One, t'), text('[The person stopped this answer here.]')] }, said('why?')]);
  });

  it('skips what remains of a step that was made again, in this run and in earlier ones', () => {
    const history = [message('1', 'user', [text('go')]), message('1', 'assistant', [text('On')], true), message('1', 'assistant', [text('One.')]), message('2', 'user', [text('more')]), message('2', 'assistant', [text('Tw')], true)];
    expect(messagesForModel(history, '2')).toEqual([said('go'), { role: 'assistant', blocks: [text('One.')] }, said('more')]);
  });

  it('hears of what happened around the conversation, marked and once', () => {
    const notice = { ...message('1', 'user', [{ type: 'notice', kind: 'desktop-driven', text: 'A person used the desktop.' }]), content: 'A person used the desktop.' };
    const history = [message('1', 'user', [text('go')]), message('1', 'assistant', [call('a')]), notice, message('1', 'tool', [result('a', 'A')])];
    expect(messagesForModel(history, '1')).toMatchObject([said('go'), { role: 'assistant' }, { role: 'tool' }, said('[Notice from Deskhand: A person used the desktop.]')]);
  });

  it('sees the pictures of results, but none of a failed call', () => {
    const images = [{ blob: 'b', media_type: 'image/jpeg', width: 1_280, height: 800 }];
    const [, tool] = messagesForModel([message('1', 'assistant', [call('a'), call('b')]), message('1', 'tool', [result('a', 'A', { result: { output: 'A', images } }), result('b', 'B', { result: { output: 'B', images }, is_error: true })])], '1');
    expect(tool).toEqual({ role: 'tool', results: [{ tool_call_id: 'a', text: 'A', is_error: false, images }, { tool_call_id: 'b', text: 'B', is_error: true }] });
  });

  it('tells how commands ended', () => {
    const history = [message('1', 'assistant', [call('a'), call('b'), call('c'), call('d')]), message('1', 'tool', [
      result('a', ''), result('b', 'no\n', { result: { output: 'no\n', exit_code: 2 } }), result('c', 'half', { interrupted: true, is_error: true }), result('d', 'x', { result: { output: 'x', exit_code: 0, display: { secret: 1 } } }),
    ])];
    const [, tool] = messagesForModel(history, '1');
    expect(tool).toMatchObject({ results: [{ text: '(no output)' }, { text: 'no\n[exit code 2]' }, { text: 'half\n[interrupted before its result was known]' }, { text: 'x' }] });
  });
});
