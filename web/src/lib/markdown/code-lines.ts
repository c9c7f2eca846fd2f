import type { CodeLine, Highlighter } from './highlighter.ts';

/** Code as coloured lines while it grows: a finished line is coloured once and stays the same object. */
export class CodeLines {
  #highlighter: Highlighter | null = null;
  #source = '';
  #done: CodeLine[] = [];
  #state: unknown = null;

  update(code: string, highlighter: Highlighter | null, growing: boolean): readonly CodeLine[] {
    if (highlighter !== this.#highlighter || !code.startsWith(this.#source)) {
      this.#highlighter = highlighter;
      this.#source = '';
      this.#done = [];
      this.#state = null;
    }
    const end = growing ? code.lastIndexOf('\n') + 1 : code.length;
    if (end > this.#source.length) this.#take(code.slice(this.#source.length, end), growing);
    const rest = code.slice(this.#source.length);
    return rest === '' ? [...this.#done] : [...this.#done, plainLine(rest)];
  }

  #take(text: string, growing: boolean): void {
    const code = growing ? text.slice(0, -1) : text;
    this.#source += text;
    if (!this.#highlighter) return void this.#done.push(...code.split('\n').map(plainLine));
    const { lines, state } = this.#highlighter.lines(code, this.#state);
    this.#done.push(...lines);
    this.#state = state;
  }
}

function plainLine(text: string): CodeLine {
  return [{ text, classes: '' }];
}
