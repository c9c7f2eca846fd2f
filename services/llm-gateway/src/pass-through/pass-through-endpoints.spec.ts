import { describe, expect, it } from 'vitest';
import type { PassThroughEntry } from '../configuration/gateway-file.ts';
import { formatOf, PassThroughEndpoints, targetPath } from './pass-through-endpoints.ts';
import { headersUp } from './pass-through-headers.ts';

const entry = (changes: Partial<PassThroughEntry>): PassThroughEntry => ({ path: '/x', target: 'https://x.y', headers: {}, forwardHeaders: true, subpaths: false, withoutKey: false, line: 7, ...changes });

describe('paths that lead elsewhere (LLM-7)', () => {
  it('are there for both subscriptions, with a key, unless the file says otherwise', () => {
    const plain = new PassThroughEndpoints([], '127.0.0.1');
    expect(plain.find('/claude/v1/messages')).toMatchObject({ target: 'https://api.anthropic.com', forwardHeaders: true, open: false });
    expect(plain.find('/codex')).toMatchObject({ target: 'https://chatgpt.com/backend-api/codex', open: false });
    expect(plain.find('/codexes')).toBeNull();
    const configured = new PassThroughEndpoints([entry({ path: '/codex', target: 'https://api.openai.com/v1' }), entry({ path: '/codex/special' }), entry({})], '127.0.0.1');
    expect(configured.find('/codex/responses')).toMatchObject({ target: 'https://api.openai.com/v1' });
    expect(configured.find('/codex/special')).toMatchObject({ target: 'https://x.y' });
    expect([configured.find('/x'), configured.find('/x/below')]).toEqual([expect.objectContaining({ path: '/x' }), null]);
  });

  it.each([['127.0.0.1', true], ['::1', true], ['localhost', true], ['0.0.0.0', false], ['127.0.0.1.example.com', false], ['10.0.0.5', false]])('with auth: false at %s, without a key: %s', (host, open) => {
    const endpoints = new PassThroughEndpoints([entry({ withoutKey: true })], host);
    expect(endpoints.find('/x')?.open).toBe(open);
    expect(endpoints.notes).toEqual(open ? [] : [expect.stringMatching(/^line 7: \/x needs a key .* listens on/)]);
  });

  it('keep the query, and nothing gets out of the target\'s own path', () => {
    const codex = new PassThroughEndpoints([], '::1').find('/codex')!;
    expect(targetPath(codex, '/codex/responses?a=../b')).toBe('/backend-api/codex/responses?a=../b');
    expect(targetPath(codex, '/codex?x')).toBe('/backend-api/codex?x');
    const claude = new PassThroughEndpoints([], '::1').find('/claude')!;
    expect(['/claude', '/claude?x', '/claude/'].map((url) => targetPath(claude, url))).toEqual(['/', '/?x', '/']);
    for (const url of ['/codex/..', '/codex/a/../b', '/codex/%2E%2e/b', '/codex/a%2f..%2Fb', '/codex/..%5cb', '/codex/a\\b', '/codex/.']) expect(targetPath(codex, url), url).toBeNull();
  });

  it('know a model call by its path', () => {
    expect([formatOf('POST', '/claude/v1/messages'), formatOf('POST', '/codex/responses'), formatOf('POST', '/x/v1/chat/completions'), formatOf('GET', '/codex/responses'), formatOf('POST', '/claude/v1/messages/count_tokens'), formatOf('POST', '/claude/v1/m%65ssages'), formatOf('POST', '/claude/v1/%messages')])
      .toEqual(['anthropic-messages', 'openai-responses', 'openai-chat', null, null, 'anthropic-messages', null]);
  });
});

it('what is ours stays here: the gateway\'s key in whatever header the operator named, cookies, where the caller is', () => {
  const client = { authorization: 'Bearer sk-ant-login', 'x-team-key': 'sk-ours', 'x-litellm-api-key': 'sk-ours', cookie: 'a=b', 'x-forwarded-for': '10.0.0.1', 'anthropic-beta': 'x' };
  expect(headersUp({ forwardHeaders: true }, client, 'x-team-key')).toEqual({ authorization: 'Bearer sk-ant-login', 'anthropic-beta': 'x' });
  expect(headersUp({ forwardHeaders: true }, client, null)).toHaveProperty('x-team-key');
});
