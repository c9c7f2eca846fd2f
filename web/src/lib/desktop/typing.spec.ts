import { describe, expect, it } from 'vitest';
import { keysym, keysymOfCharacter, keysymOfKey, plainKey } from './keysyms.ts';
import { isTypeable, Typist } from './typing.ts';

describe('keysyms', () => {
  it.each([['a', 0x61], ['Ü', 0xdc], ['ß', 0xdf], ['€', 0x010020ac], ['中', 0x01004e2d], ['🙂', 0x0101f642], ['\n', 0xff0d]])('%j', (character, expected) => {
    expect(keysymOfCharacter(character)).toBe(expected);
  });

  it('names keys by their side', () => {
    expect([keysymOfKey('Shift', 1), keysymOfKey('Shift', 2), keysymOfKey('Enter', 3), keysymOfKey('F12'), keysymOfKey('z')]).toEqual([0xffe1, 0xffe2, 0xff8d, 0xffc9, 0x7a]);
  });

  it('knows shortcuts by their place on keyboards of other scripts', () => {
    expect([plainKey('с', 'KeyC'), plainKey('z', 'KeyY'), plainKey('Enter', 'Enter'), plainKey('ö', 'Semicolon')]).toEqual(['c', 'z', 'Enter', 'ö']);
  });

  it('leaves to the browser what only it can make text of', () => {
    expect(['Dead', 'Process', 'Unidentified', 'Compose', 'AudioVolumeUp'].map((key) => keysymOfKey(key))).toEqual([null, null, null, null, null]);
  });
});

/** A desktop whose programs fetch the clipboard when they are asked to paste, as slowly as they like. */
function desktop() {
  const happened: string[] = [];
  let offered = '';
  let fetch = () => {};
  return {
    happened,
    fetch: () => fetch(),
    sendKey(key: number, down?: boolean) {
      if (key === keysym.insert) happened.push(`paste ${offered}`);
      else if (key !== keysym.shift) happened.push(String.fromCodePoint(key < 0x01000000 ? key : key - 0x01000000) + (down === undefined ? '' : down ? '↓' : '↑'));
    },
    async put(text: string) {
      offered = text;
    },
    fetched: () => new Promise<void>((resolve) => (fetch = resolve)),
    giveBackLater: () => happened.push('(borrowed)'),
  };
}

describe('typing text', () => {
  it('knows what has keys', () => {
    expect(['Gruss {5} ~', 'a\tb\n', ''].map(isTypeable)).toEqual([true, true, true]);
    expect(['ä', '€', '日本', 'a🙂', 'ё', 'x'.repeat(121)].map(isTypeable)).toEqual([false, false, false, false, false, false]);
  });

  it('types what has keys key by key and the rest through the clipboard', async () => {
    const screen = desktop();
    const typist = new Typist(screen);
    await typist.type('U');
    const work = typist.type('日本🙂');
    await soon();
    screen.fetch();
    await work;
    expect(screen.happened).toEqual(['U', '(borrowed)', 'paste 日本🙂']);
  });

  it('keeps the order: what comes while a paste is under way waits for it, keys and clipboard too', async () => {
    const screen = desktop();
    const typist = new Typist(screen);
    void typist.type('日');
    await soon();
    void typist.type('本');
    void typist.type('a');
    typist.key(0x21);
    typist.put('given');
    typist.key(keysym.insert);
    const work = typist.type('b');
    expect(screen.happened).toEqual(['(borrowed)', 'paste 日']);
    screen.fetch();
    await soon();
    expect(screen.happened.slice(2)).toEqual(['(borrowed)', 'paste 本a']);
    screen.fetch();
    await work;
    expect(screen.happened.slice(4)).toEqual(['!', 'paste given', 'b']);
    typist.key(0x63, true);
    expect(screen.happened.at(-1)).toBe('c↓');
  });
});

const soon = () => new Promise((resolve) => setTimeout(resolve));
