import type { Token, Tokens } from 'marked';
import { share } from '../text/share.ts';
import { lex } from './lexer.ts';
import { closeMarks, openFence } from './unfinished.ts';

/** A block of Markdown at the top level. `key` is where it begins, so it is the same block while text is added. */
export interface MarkdownBlock {
  key: number;
  token: Token;
}

/**
 * Markdown that is read while it is written. A block that is followed by another one is finished: it is never read again
 * and stays the same object; only the text after it is. Reading all of a text in pieces costs about as much as at once.
 */
export class MarkdownStream {
  #source = '';
  #finished: MarkdownBlock[] = [];
  #tailStart = 0;
  #tail: MarkdownBlock[] = [];
  #fence: { end: RegExp; content: number } | null = null;

  /** Blocks of `text`, which begins with what was given before (else everything is read anew). `growing` closes marks that are still open. */
  update(text: string, growing: boolean): readonly MarkdownBlock[] {
    const source = text.includes('\r') ? text.replace(/\r\n?/g, '\n') : text;
    if (!source.startsWith(this.#source)) this.#reset();
    const added = source.slice(this.#source.length);
    const checked = this.#source.length;
    this.#source = source;
    if (growing && this.#fence && !this.#closesFence(checked)) this.#growFence(this.#fence.content);
    else if (growing) this.#readTail();
    else if (added !== '' || this.#tail.length > 0 || this.#finished.length === 0) this.#readAll();
    return [...this.#finished, ...this.#tail];
  }

  #reset(): void {
    this.#source = '';
    this.#finished = [];
    this.#tail = [];
    this.#tailStart = 0;
    this.#fence = null;
  }

  #readTail(): void {
    const tail = this.#source.slice(this.#tailStart);
    const blocks = place(lex(tail + closeMarks(tail)), this.#tailStart);
    const last = blocks.at(-1);
    this.#finished.push(...blocks.slice(0, -1));
    this.#tail = last ? share(this.#tail.filter(({ key }) => key === last.key), [last]) : [];
    if (last) this.#tailStart = last.key;
    this.#fence = last?.token.type === 'code' ? openFence(this.#source, last.key) : null;
    if (this.#fence) this.#growFence(this.#fence.content);
  }

  /** The whole text at its end: what looked finished too early is set right, everything else stays the object it was. */
  #readAll(): void {
    const known = new Map([...this.#finished, ...this.#tail].map((block) => [block.key, block]));
    this.#finished = place(lex(this.#source), 0).map((block) => share(known.get(block.key), block));
    this.#tail = [];
    this.#tailStart = this.#source.length;
    this.#fence = null;
  }

  #closesFence(from: number): boolean {
    const line = this.#source.lastIndexOf('\n', Math.max(0, from - 1)) + 1;
    return this.#source.slice(Math.max(line, this.#fence!.content)).split('\n').some((one) => this.#fence!.end.test(one));
  }

  /** A long code block that is still open: its text is cut out of the source instead of being read again each time. */
  #growFence(content: number): void {
    const [block] = this.#tail;
    if (!block) return;
    const text = this.#source.slice(content).replace(/(^|\n) {0,3}[`~]{1,}$/, '').replace(/\n$/, '');
    this.#tail = [{ key: block.key, token: { ...(block.token as Tokens.Code), raw: '', text } }];
  }
}

/** Tokens with their places; blank space and link definitions show nothing and are left out. */
function place(tokens: readonly Token[], start: number): MarkdownBlock[] {
  const blocks: MarkdownBlock[] = [];
  let at = start;
  for (const token of tokens) {
    if (token.type !== 'space' && token.type !== 'def') blocks.push({ key: at, token });
    at += token.raw.length;
  }
  return blocks;
}
