import { describe, expect, it } from 'vitest';
import { lex, type MathToken } from './lexer.ts';

const formulas = (text: string): [string, boolean][] => {
  const found: [string, boolean][] = [];
  const walk = (tokens: readonly { type: string; tokens?: unknown; items?: unknown }[]) => {
    for (const token of tokens) {
      if (token.type === 'math') found.push([(token as unknown as MathToken).tex, (token as unknown as MathToken).display]);
      for (const inner of [token.tokens, token.items]) if (Array.isArray(inner)) walk(inner as []);
    }
  };
  walk(lex(text));
  return found;
};

describe('formulas', () => {
  it('are found in both ways of writing them', () => {
    expect(formulas('so $E = mc^2$, or \\(a+b\\), and $x$.')).toEqual([['E = mc^2', false], ['a+b', false], ['x', false]]);
    expect(formulas('text\n$$\n\\int_0^1 x\\,dx\n$$\nmore')).toEqual([['\\int_0^1 x\\,dx', true]]);
    expect(formulas('\\[\na = b\n\\]')).toEqual([['a = b', true]]);
    expect(formulas('- in a list: $$x$$ there')).toEqual([['x', true]]);
    expect(formulas('**$5x$** bold')).toEqual([['5x', false]]);
  });

  it('are not money, code, or marks that are still open', () => {
    for (const text of ['It costs $5 and $10.', 'US$5 or US$6', 'from $5 to $7/month', '`$x$`', '```\n$$x$$\n```', 'an open $x', '$$\nopen\n', 'a \\$5 or \\$6', '$ x $']) expect(formulas(text)).toEqual([]);
  });
});
