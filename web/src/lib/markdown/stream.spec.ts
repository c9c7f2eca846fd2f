import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lex } from './lexer.ts';
import { MarkdownStream } from './stream.ts';

const sample = `# Title

Some *text* with \`code\` and a [link](https://example.com/a_b).

- one
- two
  - nested

1. first

2. second

| a | b |
|---|--:|
| 1 | 2 |

> quoted
> lines

\`\`\`ts
const x = 1;

// \`\`\`not the end
\`\`\`

~~~~
\`\`\`
~~~~

Setext
------

So $a_1 * b_2$ holds:

$$
x *y* z
= 1
$$

<b>raw</b> end.
#hashtag follows`;

function pieces(text: string, cuts: readonly number[]): string[] {
  const ends = [...new Set(cuts.map((cut) => cut % text.length))].sort((one, other) => one - other);
  return [...ends, text.length].map((end) => text.slice(0, end));
}

const visible = (text: string) => lex(text).filter(({ type }) => type !== 'space' && type !== 'def');

describe('a Markdown stream', () => {
  it('ends with exactly what the whole text says, however it is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(10_000), { maxLength: 80 }), (cuts) => {
        const stream = new MarkdownStream();
        for (const text of pieces(sample, cuts)) stream.update(text, true);
        expect(stream.update(sample, false).map(({ token }) => token)).toEqual(visible(sample));
      }),
    );
  });

  it('never makes a finished block anew', () => {
    const stream = new MarkdownStream();
    const first = new Map<number, unknown>();
    for (let end = 1; end <= sample.length; end++) {
      const blocks = stream.update(sample.slice(0, end), true);
      for (const { key, token } of blocks.slice(0, -1)) {
        expect(first.get(key) ?? token).toBe(token);
        first.set(key, token);
      }
    }
  });

  it('shows an open code block without its closing marks', () => {
    const stream = new MarkdownStream();
    for (const [text, shown] of [['```js\na', 'a'], ['```js\na\nb\n', 'a\nb'], ['```js\na\nb\n``', 'a\nb'], ['```js\na\nb\n```', 'a\nb']] as const) {
      expect(stream.update(text, true)[0]?.token).toMatchObject({ type: 'code', lang: 'js', text: shown });
    }
    expect(stream.update('```js\na\nb\n```\nafter', true).map(({ token }) => token.type)).toEqual(['code', 'paragraph']);
  });

  it('closes what is still open', () => {
    const inline = (text: string) => (new MarkdownStream().update(text, true)[0]?.token as { tokens: { type: string }[] }).tokens.map(({ type }) => type);
    expect(inline('a **bold')).toEqual(['text', 'strong']);
    expect(inline('a `code')).toEqual(['text', 'codespan']);
    expect(inline('a [link](https://exa')).toEqual(['text', 'link']);
  });

  it('reads a long answer in pieces without reading it again and again', () => {
    const long = `${'A paragraph with *some* words in it.\n\n'.repeat(3_000)}\`\`\`\n${'line of code\n'.repeat(5_000)}`;
    const stream = new MarkdownStream();
    const began = performance.now();
    for (let end = 0; end < long.length; end += 400) stream.update(long.slice(0, end), true);
    expect(performance.now() - began).toBeLessThan(3_000);
  });
});
