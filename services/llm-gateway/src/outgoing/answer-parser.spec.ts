import type { IncomingHttpHeaders } from 'node:http';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AnswerParser } from './answer-parser.ts';

interface Read {
  status: number | null;
  headers: IncomingHttpHeaders;
  body: string;
  over: boolean;
  reusable: boolean;
  keepAliveSeconds: number | null;
}

/** What is read of the pieces, after which the connection ends if `ends`. */
function read(pieces: readonly Buffer[], ends = false): Read {
  const seen: Pick<Read, 'status' | 'headers' | 'body'> = { status: null, headers: {}, body: '' };
  const parser = new AnswerParser({
    head: (status, headers) => Object.assign(seen, { status, headers: { ...headers } }),
    data: (piece) => (seen.body += piece.toString('latin1')),
  });
  for (const piece of pieces) parser.push(piece);
  if (ends) parser.end();
  return { ...seen, over: parser.over, reusable: parser.reusable, keepAliveSeconds: parser.keepAliveSeconds };
}

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const answer = (...lines: string[]): string => `HTTP/1.1 200 OK\r\n${lines.join('\r\n')}`;
const readText = (text: string, ends = false): Read => read([bytes(text)], ends);

/** Cuts of a text of this length, as many as there are numbers. */
function cut(whole: Buffer, places: readonly number[]): Buffer[] {
  const at = [...new Set(places.map((place) => place % (whole.length + 1)))].sort((one, other) => one - other);
  return [0, ...at].map((from, index) => whole.subarray(from, at[index] ?? whole.length)).filter((piece) => piece.length > 0);
}

describe('an answer over HTTP/1.1', () => {
  it.each<[string, string, Partial<Read>]>([
    ['of a stated length', answer('Content-Type: application/json', 'content-length: 2', '', '{}'), { status: 200, body: '{}', over: true, reusable: true, headers: { 'content-type': 'application/json', 'content-length': '2' } }],
    ['without a body', answer('content-length: 0', '', ''), { body: '', over: true, reusable: true }],
    ['of no content', 'HTTP/1.1 204 No Content\r\n\r\n', { status: 204, over: true, reusable: false }],
    ['in chunks, with extensions and trailers', answer('transfer-encoding: Chunked', '', '3;name="a;b"\r\nabc\r\n00A \r\n0123456789\r\n0\r\nx-checksum: 1\r\n\r\n'), { body: 'abc0123456789', over: true, reusable: true }],
    ['after interim answers', `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n${answer('content-length: 1', '', 'x')}`, { status: 200, body: 'x', over: true }],
    ['that ends its connection', answer('connection: keep-alive, Close', 'content-length: 1', '', 'x'), { over: true, reusable: false }],
    ['with hints about its connection', answer('keep-alive: timeout=5, max=100', 'content-length: 1', '', 'x'), { reusable: true, keepAliveSeconds: 5 }],
    ['of version 1.0', 'HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\nx', { over: true, reusable: false }],
    ['of version 1.0 that stays', 'HTTP/1.0 200 OK\r\nconnection: Keep-Alive\r\ncontent-length: 1\r\n\r\nx', { over: true, reusable: true }],
    ['with headers that come twice', answer('set-cookie: a', 'set-cookie: b', 'x-one: 1', 'x-one: 2', 'content-type: a', 'content-type: b', 'content-length: 0', 'content-length: 0', '', ''), { over: true, headers: { 'set-cookie': ['a', 'b'], 'x-one': ['1', '2'], 'content-type': 'a', 'content-length': '0' } }],
    ['with names of objects as headers', answer('__proto__: x', 'constructor: y', 'content-length: 0', '', ''), { over: true, headers: { constructor: 'y', 'content-length': '0' } as never }],
    ['with bytes beyond ASCII and spaces around values', answer('x-name:  \u00e9t\u00e9 \t', 'content-length: 0', '', ''), { over: true, headers: { 'x-name': '\u00e9t\u00e9', 'content-length': '0' } }],
    ['with more behind it', answer('transfer-encoding: chunked', '', '0\r\n\r\nHTTP/1.1 200 OK\r\n'), { over: true, reusable: false }],
    ['with more behind its length', answer('content-length: 1', '', 'xy'), { body: 'x', over: true, reusable: false }],
    ['that has only begun', answer('content-length: 5', '', 'abc'), { body: 'abc', over: false, reusable: false }],
  ])('%s', (_, text, expected) => expect(readText(text)).toMatchObject(expected));

  it('that ends with its connection is whole then', () => {
    expect(readText(answer('', 'abc'))).toMatchObject({ body: 'abc', over: false });
    expect(readText(answer('', 'abc'), true)).toMatchObject({ body: 'abc', over: true, reusable: false });
  });

  it.each<[string, string]>([
    ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n'], ['another version', 'HTTP/2 200\r\n\r\n'], ['an old version', 'HTTP/0.9 200 OK\r\n\r\n'], ['no number', 'HTTP/1.1 OK\r\n\r\n'], ['a number too small', 'HTTP/1.1 099 X\r\n\r\n'],
    ['a switch of protocols', 'HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\n\r\n'], ['spaces before the version', ' HTTP/1.1 200 OK\r\n\r\n'],
    ['a folded line', answer('x-a: 1', ' 2', '', '')], ['a space before the colon', answer('content-length : 1', '', 'x')], ['no name', answer(': 1', '', '')], ['no colon', answer('x-a', '', '')],
    ['a lone line feed', answer('x-a: 1\ncontent-length: 1', '', 'x')], ['a lone carriage return', answer('x-a: 1\rcontent-length: 1', '', 'x')], ['a zero byte', answer('x-a: \0', '', '')],
    ['two lengths', answer('content-length: 1', 'content-length: 2', '', 'xy')], ['two lengths in one', answer('content-length: 1, 1', '', 'x')], ['a signed length', answer('content-length: +1', '', 'x')], ['a length that is no number', answer('content-length: 0x1', '', 'x')], ['an empty length', answer('content-length:', '', '')],
    ['a length beside chunks', answer('content-length: 3', 'transfer-encoding: chunked', '', '0\r\n\r\n')], ['another encoding', answer('transfer-encoding: gzip, chunked', '', '')], ['an encoding that is none', answer('transfer-encoding: identity', '', '')], ['two encodings', answer('transfer-encoding: chunked', 'transfer-encoding: gzip', '', '')], ['chunks of version 1.0', 'HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'],
    ...['x\r\n', '-1\r\n', ' 1\r\nx', '0x1\r\n', '\r\n', ';a\r\n', '1\nx', '1 x\nx', 'fffffffffffff\r\n'].map((size): [string, string] => [`the size ${JSON.stringify(size)}`, answer('transfer-encoding: chunked', '', size)]),
    ['a chunk longer than its size', answer('transfer-encoding: chunked', '', '1\r\nxy\r\n')], ['a chunk that ends with a line feed', answer('transfer-encoding: chunked', '', '1\r\nx\n0\r\n\r\n')], ['a trailer that ends with a line feed', answer('transfer-encoding: chunked', '', '0\r\n\n')],
  ])('is none with %s', (_, text) => {
    expect(() => readText(text)).toThrow(expect.objectContaining({ code: expect.stringMatching(/^UND_ERR|^HPE/) }));
    // Nor when it comes byte by byte.
    expect(() => read([...bytes(text)].map((byte) => Buffer.from([byte])))).toThrow();
  });

  it.each<[string, string]>([
    ['its head', 'HTTP/1.1 200 OK\r\n'], ['its length', answer('content-length: 5', '', 'abc')], ['a chunk', answer('transfer-encoding: chunked', '', '5\r\nabc')], ['the last chunk', answer('transfer-encoding: chunked', '', '3\r\nabc\r\n')], ['its trailers', answer('transfer-encoding: chunked', '', '0\r\nx: 1\r\n')],
  ])('is not whole when the connection ends before the end of %s', (_, text) => expect(() => readText(text, true)).toThrow(expect.objectContaining({ code: expect.stringMatching(/^UND_ERR_(SOCKET|RES_CONTENT_LENGTH_MISMATCH)$/) })));

  it.each<[string, () => string]>([
    ['heads', () => answer(`x-a: ${'a'.repeat(70_000)}`)], ['size lines', () => answer('transfer-encoding: chunked', '', `1;${'a'.repeat(2_000)}`)], ['trailers', () => answer('transfer-encoding: chunked', '', `0\r\n${'x-a: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n'.repeat(2_000)}`)],
  ])('is refused for %s without end', (_, text) => {
    expect(() => readText(text())).toThrow(expect.objectContaining({ code: 'UND_ERR_HEADERS_OVERFLOW' }));
    expect(() => read(cut(bytes(text()), Array.from({ length: 40 }, (_, index) => index * 1_777)))).toThrow(expect.objectContaining({ code: 'UND_ERR_HEADERS_OVERFLOW' }));
  });

  it('gives no part after it was stopped', () => {
    const got: string[] = [];
    const parser: AnswerParser = new AnswerParser({ head: () => {}, data: (piece) => { got.push(piece.toString()); parser.stop(); } });
    parser.push(bytes(answer('transfer-encoding: chunked', '', '1\r\na\r\n1\r\nb\r\n0\r\n\r\n')));
    expect([got, parser.over, parser.reusable]).toEqual([['a'], true, false]);
  });

  it('reads the same however the bytes are cut', () => {
    const body = fc.array(fc.string({ minLength: 1, maxLength: 40, unit: 'binary-ascii' }), { maxLength: 8 });
    const places = fc.array(fc.nat(2_000), { maxLength: 30 });
    fc.assert(fc.property(body, fc.constantFrom('length', 'chunks', 'rest'), fc.boolean(), places, (parts, way, interim, at) => {
      const whole = parts.join('');
      const framed = way === 'length' ? `content-length: ${whole.length}\r\n\r\n${whole}` : way === 'rest' ? `\r\n${whole}` : `Transfer-Encoding: chunked\r\n\r\n${parts.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join('')}0\r\n\r\n`;
      const text = bytes(`${interim ? 'HTTP/1.1 102 Processing\r\n\r\n' : ''}HTTP/1.1 200 OK\r\nx-id: 7\r\n${framed}`);
      const got = read(cut(text, at), true);
      expect(got).toMatchObject({ status: 200, body: whole, over: true, reusable: way !== 'rest' });
      expect(got).toEqual(read([text], true));
    }), { numRuns: 1_000 });
  });

  it('ends in an answer or an error, whatever comes', () => {
    const noise = fc.array(fc.oneof(fc.constantFrom('HTTP/1.1 200 OK\r\n', '\r\n', '\r', '\n', 'content-length: 3\r\n', 'transfer-encoding: chunked\r\n', '3\r\nabc\r\n', '0\r\n', ':', ';'), fc.string({ maxLength: 6, unit: 'binary' })), { maxLength: 12 });
    fc.assert(fc.property(noise, fc.array(fc.nat(200), { maxLength: 10 }), (parts, at) => {
      const text = Buffer.from(parts.join(''));
      const outcome = (pieces: Buffer[]): unknown => {
        try {
          return read(pieces, true);
        } catch (error) {
          expect(error).toHaveProperty('code');
          return 'refused';
        }
      };
      expect(outcome(cut(text, at))).toEqual(outcome([text]));
    }), { numRuns: 2_000 });
  });
});
