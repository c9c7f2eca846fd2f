import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inputOf } from '../budgets/reserved-tokens.ts';
import { parseJson } from '../http/read-body.ts';
import { bodyWith } from './body-edit.ts';
import { isList, isStated, mayRefer, openLong } from './unread-fields.ts';

const deepest = 200;
const bytes = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
const long = 'ä "quoted" \\\\ \\u0041 \ud83d\ude42 '.repeat(400);
const conversation = (content: unknown = long) => ({ model: 'm', messages: [{ role: 'user', content: long }, { role: 'user', content }], stream: true });
const value = fc.letrec((tie) => ({ any: fc.oneof({ maxDepth: 4 }, fc.string({ unit: 'binary' }), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean(), fc.constant(null), fc.array(tie('any'), { maxLength: 4 }), fc.dictionary(fc.string(), tie('any'), { maxKeys: 4 })) })).any;
const object = fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('messages', 'input', 'model')), fc.oneof(value, fc.array(value, { maxLength: 3 }).map((few) => [...few, 'x'.repeat(9_000), ...few])), { maxKeys: 6 });

describe('a long body', () => {
  it('is what JSON.parse makes of it', () => {
    fc.assert(fc.property(object, fc.constantFrom(undefined, 1, '\t'), (wanted, space) => {
      const text = Buffer.from(JSON.stringify(wanted, null, space));
      const found = openLong(text, deepest);
      if (found === null) return Object.keys(wanted).length === 0 || Object.hasOwn(wanted, '__proto__');
      expect(Object.keys(found)).toEqual(Object.keys(JSON.parse(text.toString()) as object));
      for (const name of Object.keys(found)) expect(isList(found, name)).toBe(Array.isArray((JSON.parse(text.toString()) as Record<string, unknown>)[name]));
      expect({ ...found }).toEqual(JSON.parse(text.toString()));
      return true;
    }), { numRuns: 300 });
  });

  it('never becomes something else by a byte that is wrong', () => {
    fc.assert(fc.property(object, fc.nat(), fc.constantFrom(...'{}[]",:\\ x\n0'), fc.boolean(), (wanted, place, letter, insert) => {
      const text = Buffer.from(JSON.stringify(wanted));
      const at = place % text.length;
      const broken = Buffer.concat([text.subarray(0, at), Buffer.from(letter), text.subarray(insert ? at : at + 1)]);
      const found = openLong(broken, deepest);
      if (found === null) return;
      let right: unknown;
      try {
        right = JSON.parse(broken.toString());
      } catch {
        expect(() => ({ ...found })).toThrow('not valid JSON');
        return;
      }
      expect({ ...found }).toEqual(right);
    }), { numRuns: 1_000 });
  });

  it('leaves to JSON.parse what is no object, what is cut, what is nested too deeply, and names that mean something', () => {
    for (const text of ['', ' ', '[]', '{}', 'null', '{"a":1', '{"a" 1}', '{"a":1,}', '{"a":1} x', '{"a":nul}', '{a:1}', '{"__proto__":{}}', '{"a":[}]}', '{"a":"b}', `{"a":${'['.repeat(200)}${']'.repeat(200)}}`]) expect(openLong(bytes(text), deepest), text).toBeNull();
    expect(openLong(bytes(`{"a":${'['.repeat(199)}${']'.repeat(199)}}`), deepest)).not.toBeNull();
    expect({ ...openLong(bytes('{"a":1,"a":2}'), deepest) }).toEqual({ a: 2 });
  });

  it('SECURITY 28: is refused when it holds more values than memory is there for, before they are made', () => {
    const many = (more: string) => Buffer.from(`{${more}"input":[${'{},'.repeat(1_100_000)}{}]}`);
    for (const raw of [many(''), many('"__proto__":1,')]) expect(() => parseJson(raw)).toThrow('more than 1,000,000 values');
    expect(isList(parseJson(Buffer.from(`{"input":[${'1,'.repeat(900_000)}1]}`)), 'input')).toBe(true);
  });

  it('is changed in its bytes, and stays as it was everywhere else', () => {
    const text = JSON.stringify(conversation(), null, 1);
    const raw = bytes(text);
    const body = openLong(raw, deepest)!;
    expect(bodyWith(raw, body, { model: 'other "name"', stream_options: { include_usage: true } }).toString()).toBe(`${text.replace('"m"', '"other \\"name\\""').slice(0, -1)},"stream_options":{"include_usage":true}}`);
    expect(JSON.parse(bodyWith(raw, body, { stream: undefined, model: 'n' }).toString())).toEqual({ ...conversation(), model: 'n', stream: undefined });
    expect(bodyWith(raw, body, {})).toBe(raw);
  });

  it('is known to refer to nothing, or read', () => {
    const refers = (content: unknown) => mayRefer(openLong(bytes(conversation(content)), deepest)!, 'messages');
    expect([refers('text'), refers([{ type: 'text', text: 'a file, its source' }])]).toEqual([false, false]);
    for (const part of [{ type: 'image_url', image_url: { url: 'https://p' } }, { type: 'document', source: { file_id: 'f' } }, { type: 'file', file: { file_id: 'f' } }, { type: 'input_file', file_url: 'https://p' }]) expect(refers([part])).toBe(true);
    const hidden = bytes(JSON.stringify(conversation([{ type: 'x', image_url: { url: 'https://p' } }])).replace('"image_url"', '"image_\\u0075rl"'));
    expect(mayRefer(openLong(hidden, deepest)!, 'messages')).toBe(true);
    for (const content of ['text', [{ type: 'image_url', image_url: { url: 'https://p' } }], [{ type: 'file', file: { file_id: 'f' } }]]) {
      const raw = bytes(conversation(content));
      expect(inputOf(openLong(raw, deepest)!, raw, 1_000)).toBe(inputOf(conversation(content), raw, 1_000));
    }
    const body = openLong(bytes(conversation()), deepest)!;
    expect([isStated(body, 'messages'), isStated(body, 'input'), isStated(openLong(bytes('{"messages":null}'), deepest)!, 'messages')]).toEqual([true, false, false]);
  });
});
