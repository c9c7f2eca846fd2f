import { describe, expect, it } from 'vitest';
import { AnswersInMemory, SharedAnswers, type CachedAnswer } from './answer-stores.ts';
import { noControls, takeControls } from './cache-controls.ts';
import { cacheKey, type CacheSubject } from './cache-key.ts';
import { isWholeAnswer } from './whole-answer.ts';
import { Log } from '@deskhand/platform';
import { MemoryBus } from '@deskhand/platform/testing';
import { cachedAnswers } from '@deskhand/contracts';

const subject: CacheSubject = { owner: 'key a', namespace: '', format: 'openai-chat', model: ['group', '', 'fast', 'id-1'], headers: {}, body: { model: 'fast', messages: [{ role: 'user', content: 'hi' }], temperature: 0 } };
const answerOf = (bytes: number, expiresAt = 2_000): CachedAnswer => ({ type: 'application/json', body: Buffer.alloc(bytes), storedAt: 1_000, expiresAt, provider: 'openai', model: 'm' });

describe('the name of an answer', () => {
  it('is the same however the fields are ordered', () => {
    const other = { temperature: 0, messages: [{ content: 'hi', role: 'user' }], model: 'fast', extra: undefined };
    expect(cacheKey({ ...subject, body: other })).toBe(cacheKey(subject));
    expect(cacheKey(subject)).toMatch(/^[0-9a-f]{64}$/);
  });

  it.each<[string, Partial<CacheSubject>]>([
    ['owner', { owner: 'key b' }], ['namespace', { namespace: 'n' }], ['format', { format: 'openai-responses' }], ['deployment', { model: ['group', '', 'fast', 'id-2'] }], ['header', { headers: { 'anthropic-beta': 'x' } }],
    ['text', { body: { ...subject.body, messages: [{ role: 'user', content: 'hi!' }] } }], ['order of a list', { body: { ...subject.body, messages: [{ role: 'user', content: 'hi' }, {}] } }], ['field', { body: { ...subject.body, stream: true } }], ['kind of a value', { body: { ...subject.body, temperature: '0' } }],
  ])('is another with another %s', (_, change) => {
    expect(cacheKey({ ...subject, ...change })).not.toBe(cacheKey(subject));
  });

  it('cannot be made to look like another\'s by what is written into a field', () => {
    expect(cacheKey({ ...subject, owner: 'a', namespace: 'b","c' })).not.toBe(cacheKey({ ...subject, owner: 'a","b', namespace: 'c' }));
  });
});

describe('what a call wants of the cache', () => {
  it('is taken out of its body', () => {
    const body: Record<string, unknown> = { model: 'm', cache: { 'no-cache': true, ttl: 5, 's-maxage': 1.5, namespace: 'n', 'use-cache': true, other: 1 } };
    expect(takeControls(body)).toEqual({ noCache: true, noStore: false, ttl: 5, maxAge: 1.5, namespace: 'n', use: true });
    expect(body).toEqual({ model: 'm' });
    expect(takeControls({ cache: null })).toEqual(noControls);
  });

  it.each([[true], ['x'], [[]], [{ 'no-cache': 'yes' }], [{ ttl: -1 }], [{ ttl: '5' }], [{ namespace: 1 }]])('is refused when it is %j', (cache) => {
    expect(() => takeControls({ cache })).toThrow(/cache/);
  });
});

describe('answers in memory', () => {
  it('stay within their bytes; what was not asked for the longest goes first', () => {
    const store = new AnswersInMemory(10_000, () => 1_500);
    for (const key of ['a', 'b', 'c']) store.keep(key, answerOf(2_000));
    expect(store.find('a')).not.toBeNull();
    store.keep('d', answerOf(2_000));
    expect(['a', 'b', 'c', 'd'].map((key) => store.find(key) !== null)).toEqual([true, false, true, true]);
    store.keep('large', answerOf(50_000));
    expect(['a', 'c', 'd', 'large'].map((key) => store.find(key))).toEqual([null, null, null, null]);
    // Nothing is counted twice, or for ever.
    for (let round = 0; round < 100; round++) store.keep('same', answerOf(5_000));
    expect(store.find('same')).not.toBeNull();
  });

  it('end at their time, and when they are taken away', async () => {
    let now = 1_000;
    const store = new AnswersInMemory(10_000, () => now);
    for (const key of ['a', 'b', 'c']) store.keep(key, answerOf(10));
    await store.remove(['a', 'none']);
    expect([store.find('a'), store.find('b')]).toEqual([null, expect.anything()]);
    now = 2_000;
    expect(store.find('b')).toBeNull();
    now = 1_000;
    await store.clear();
    expect(store.find('c')).toBeNull();
  });
});

describe('shared answers', () => {
  it('are the same for all instances, and end at their time', async () => {
    const bus = new MemoryBus();
    let now = 1_500;
    const [one, two] = [1, 2].map(() => new SharedAnswers(bus.values(cachedAnswers), new Log(), () => now)) as [SharedAnswers, SharedAnswers];
    one.keep('k', { ...answerOf(3), type: 'text/event-stream; charset=utf-8' });
    expect(await two.find('k')).toEqual({ ...answerOf(3), type: 'text/event-stream; charset=utf-8' });
    now = 2_000;
    expect(await one.find('k')).toBeNull();
  });

  it('are left alone for a while when they cannot be reached', async () => {
    let [now, asked] = [0, 0];
    const gone = async (): Promise<never> => { asked++; throw new Error('away'); };
    const store = new SharedAnswers({ get: gone, put: gone, remove: gone, clear: gone }, new Log(), () => now);
    for (let call = 0; call < 5; call++) expect(await store.find('k')).toBeNull();
    store.keep('k', answerOf(1));
    expect(asked).toBe(1);
    now = 6_000;
    await store.find('k');
    expect(asked).toBe(2);
  });
});

describe('a whole answer', () => {
  const stream = 'text/event-stream; charset=utf-8';
  it.each<[string, 'openai-chat' | 'openai-responses' | 'anthropic-messages', string, string, boolean]>([
    ['JSON', 'openai-chat', 'application/json', '{}', true], ['nothing', 'openai-chat', 'application/json', '', false], ['a page', 'openai-chat', 'text/html', '<p>', false],
    ['a chat to its end', 'openai-chat', stream, 'data: {"choices":[]}\n\ndata: [DONE]\n\n', true], ['a cut chat', 'openai-chat', stream, 'data: {"choices":[]}\n\n', false], ['a chat that failed', 'openai-chat', stream, 'data: {"choices":[]}\n\ndata: {"error":{"message":"x"}}\n\ndata: [DONE]\n\n', false],
    ['a chat that speaks of the end', 'openai-chat', stream, 'data: {"choices":[{"delta":{"content":"data: [DONE]"}}]}\n\n', false],
    ['a message to its end', 'anthropic-messages', stream, 'event: message_start\ndata: {}\n\nevent: message_stop\ndata: {"type":"message_stop"}\n\n', true], ['a cut message', 'anthropic-messages', stream, 'event: message_delta\ndata: {}\n\n', false],
    ['a message that failed', 'anthropic-messages', stream, 'event: error\ndata: {"type":"error"}\n\nevent: message_stop\ndata: {}\n\n', false],
    ['a response to its end', 'openai-responses', stream, 'event: response.completed\ndata: {"type":"response.completed"}\n\n', true], ['an incomplete response', 'openai-responses', stream, 'event: response.incomplete\ndata: {}\n\n', false], ['a failed response', 'openai-responses', stream, 'event: response.failed\ndata: {}\n\n', false],
  ])('is told from %s', (_, format, type, body, whole) => {
    expect(isWholeAnswer(format, type, Buffer.from(body))).toBe(whole);
  });
});
