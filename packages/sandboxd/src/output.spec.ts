import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Output } from './output.ts';

/** Feeds bytes in parts of the given sizes; checks that the text only ever grows. */
function feed(output: Output, bytes: Buffer, sizes: number[]): string {
  let shown = '';
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = Math.max(1, sizes[turn % Math.max(1, sizes.length)] ?? bytes.length);
    shown += output.append(bytes.subarray(at, at + size));
    expect(output.text).toBe(shown);
    at += size;
  }
  const whole = output.finish();
  expect(whole.startsWith(shown)).toBe(true);
  return whole;
}

const lonely = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

describe('output', () => {
  it('below its limit is kept as it is, however it arrives', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 400 }), fc.array(fc.integer({ min: 1, max: 7 })), (text, sizes) => {
      const clean = text.replaceAll('\0', '\u2400').toWellFormed();
      fc.pre(clean.length <= 920);
      expect(feed(new Output(1_000), Buffer.from(text), sizes)).toBe(clean);
    }), { endOnFailure: true });
  });

  it('above its limit keeps its head and its tail, never half a character', () => {
    fc.assert(fc.property(fc.array(fc.constantFrom('a', 'ü', '二', '👋', '\n'), { minLength: 1_500, maxLength: 6_000 }), fc.array(fc.integer({ min: 1, max: 900 })), (letters, sizes) => {
      const text = letters.join('');
      const kept = feed(new Output(1_000), Buffer.from(text), sizes);
      expect(kept.length).toBeLessThanOrEqual(1_000);
      expect(kept).not.toMatch(lonely);
      const [head, tail] = kept.split(/\n\[[\d,]+ bytes of output left out here\]\n/);
      expect(text.startsWith(head!)).toBe(true);
      expect(text.endsWith(tail!)).toBe(true);
      const left = Number(/\[([\d,]+) bytes/.exec(kept)![1]!.replaceAll(',', ''));
      expect(left).toBe(Buffer.byteLength(text) - Buffer.byteLength(head!) - Buffer.byteLength(tail!));
    }), { endOnFailure: true });
  });

  it('shows what is not UTF-8, and NUL, as something that can be stored', () => {
    expect(feed(new Output(1_000), Buffer.from([0x61, 0xff, 0x00, 0xe4, 0xbd, 0x62]), [1])).toBe('a\ufffd\u2400\ufffdb');
  });

  it('of any size takes bounded room', () => {
    const output = new Output(1_000);
    const chunk = Buffer.alloc(65_536, 'x');
    const before = process.memoryUsage.rss();
    for (let round = 0; round < 4_000; round++) output.append(chunk);
    expect(output.finish().length).toBeLessThanOrEqual(1_000);
    expect(process.memoryUsage.rss() - before).toBeLessThan(64 * 1024 * 1024);
  });

  it('goes on from what was shown before a restart', () => {
    const output = new Output(1_000);
    output.restore('before ');
    output.append(Buffer.from('after'));
    expect(output.finish()).toBe('before after');
    expect(Output.ended('over').text).toBe('over');
  });
});
