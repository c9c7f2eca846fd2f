import { Lexer, Marked, type Token, type Tokens } from 'marked';

/** A formula in TeX; `display` when it stands in a line of its own. */
export interface MathToken extends Tokens.Generic {
  type: 'math';
  tex: string;
  display: boolean;
}

/** Between `$$` or `\[ \]`, alone between its neighbours. A blank line ends it, as it ends a paragraph. */
const block = /^ {0,3}(?:\$\$((?:(?!\n[ \t]*\n)[^$])+?)\$\$|\\\[((?:(?!\n[ \t]*\n)[\s\S])+?)\\\])[ \t]*(?:\n|$)/;
/** Within a line. Money is no formula: no space inside the marks, no digit after them. */
const inline = /^(?:\$\$([^$\n]+)\$\$|\\\[([^\n]+?)\\\]|\\\(([^\n]+?)\\\)|\$(?![\s$])([^$\n]*?[^\s$\\])\$(?![\d$]))/;

const token = (match: RegExpExecArray | null, display: (match: RegExpExecArray) => boolean): MathToken | undefined =>
  match ? { type: 'math', raw: match[0], tex: match.slice(1).find((part) => part !== undefined)!.trim(), display: display(match) } : undefined;

const { defaults } = new Marked({
  extensions: [
    { name: 'math', level: 'block', start: (source) => /(?:^|\n) {0,3}(?:\$\$|\\\[)/.exec(source)?.index, tokenizer: (source) => token(block.exec(source), () => true) },
    { name: 'inline-math', level: 'inline', start: (source) => /(?<![\p{L}\p{N}\\$])\$|\\[([]/u.exec(source)?.index, tokenizer: (source) => token(inline.exec(source), (match) => match[1] !== undefined || match[2] !== undefined) },
  ],
});

/** Markdown as answers use it: with formulas. */
export function lex(text: string): readonly Token[] {
  return new Lexer(defaults).lex(text);
}
