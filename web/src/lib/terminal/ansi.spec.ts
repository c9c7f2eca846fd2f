import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TerminalText } from './ansi.ts';

const textOf = (source: string) => new TerminalText().feed(source).map((line) => line.map((segment) => segment.text).join(''));

describe('terminal text', () => {
  it('colours what the program coloured', () => {
    expect(new TerminalText().feed('\u001b[1;31mred\u001b[0m plain \u001b[38;5;208morange\u001b[39m')).toEqual([
      [{ text: 'red', classes: 'fg-red bold' }, { text: ' plain ', classes: '' }, { text: 'orange', classes: '', colour: 'rgb(255 135 0)' }],
    ]);
  });

  it('keeps a colour over lines', () => {
    expect(new TerminalText().feed('\u001b[32ma\nb').map((line) => line[0]?.classes)).toEqual(['fg-green', 'fg-green']);
  });

  it('shows the last state of a progress bar', () => {
    expect(textOf('10 %\r50 %\r100 %\ndone\r\n')).toEqual(['100 %', 'done']);
  });

  it('leaves out titles, cursor movement and bells', () => {
    expect(textOf('\u001b]0;title\u0007a\u001b[2Kb\u0007\u001b[1;1Hc')).toEqual(['abc']);
  });

  it('is the same however it is fed, and keeps finished lines', () => {
    const pieces = fc.array(fc.constantFrom('a', 'word ', '\n', '\r', '\u001b[31m', '\u001b[0m', '\u001b[1', 'm', '\u001b]0;x', '\u0007', '\u001b[38;2;1;2;3m'), { maxLength: 60 });
    fc.assert(
      fc.property(pieces, (parts) => {
        const terminal = new TerminalText();
        let source = '';
        let before: readonly unknown[] = [];
        for (const part of parts) {
          source += part;
          const lines = terminal.feed(source);
          const finished = source.split('\n').length - 1;
          for (const [index, line] of before.entries()) if (index < finished - (part === '\n' ? 1 : 0)) expect(lines[index]).toBe(line);
          before = lines;
        }
        expect(terminal.feed(source)).toEqual(new TerminalText().feed(source));
      }),
    );
  });
});
