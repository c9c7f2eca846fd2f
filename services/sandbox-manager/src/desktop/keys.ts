/** X keysyms of keys that have no character, by the names that people and models write; case, `_`, `-` and spaces do not count. */
const named: Readonly<Record<string, number>> = {
  backspace: 0xff08, tab: 0xff09, linefeed: 0xff0a, clear: 0xff0b, return: 0xff0d, enter: 0xff0d, newline: 0xff0d, pause: 0xff13, break: 0xff6b, scrolllock: 0xff14, sysreq: 0xff15, escape: 0xff1b, esc: 0xff1b,
  delete: 0xffff, del: 0xffff, insert: 0xff63, ins: 0xff63, home: 0xff50, begin: 0xff58, end: 0xff57, pageup: 0xff55, pgup: 0xff55, prior: 0xff55, pagedown: 0xff56, pgdn: 0xff56, pgdown: 0xff56, next: 0xff56,
  left: 0xff51, up: 0xff52, right: 0xff53, down: 0xff54, arrowleft: 0xff51, arrowup: 0xff52, arrowright: 0xff53, arrowdown: 0xff54, leftarrow: 0xff51, uparrow: 0xff52, rightarrow: 0xff53, downarrow: 0xff54,
  menu: 0xff67, contextmenu: 0xff67, apps: 0xff67, help: 0xff6a, print: 0xff61, printscreen: 0xff61, prtsc: 0xff61, select: 0xff60, execute: 0xff62, cancel: 0xff69, undo: 0xff65, redo: 0xff66, find: 0xff68,
  numlock: 0xff7f, capslock: 0xffe5, isolefttab: 0xfe20, multikey: 0xff20,
  space: 0x20, spacebar: 0x20, exclam: 0x21, quotedbl: 0x22, numbersign: 0x23, hash: 0x23, dollar: 0x24, percent: 0x25, ampersand: 0x26, apostrophe: 0x27, quote: 0x27, quoteright: 0x27,
  parenleft: 0x28, parenright: 0x29, asterisk: 0x2a, plus: 0x2b, comma: 0x2c, minus: 0x2d, hyphen: 0x2d, dash: 0x2d, period: 0x2e, dot: 0x2e, slash: 0x2f, colon: 0x3a, semicolon: 0x3b, less: 0x3c, equal: 0x3d, equals: 0x3d,
  greater: 0x3e, question: 0x3f, at: 0x40, bracketleft: 0x5b, backslash: 0x5c, bracketright: 0x5d, asciicircum: 0x5e, caret: 0x5e, underscore: 0x5f, grave: 0x60, backtick: 0x60, quoteleft: 0x60,
  braceleft: 0x7b, bar: 0x7c, pipe: 0x7c, braceright: 0x7d, asciitilde: 0x7e, tilde: 0x7e,
  kpenter: 0xff8d, kpadd: 0xffab, kpsubtract: 0xffad, kpmultiply: 0xffaa, kpdivide: 0xffaf, kpdecimal: 0xffae, kpequal: 0xffbd, kphome: 0xff95, kpleft: 0xff96, kpup: 0xff97, kpright: 0xff98, kpdown: 0xff99,
  kppageup: 0xff9a, kpprior: 0xff9a, kppagedown: 0xff9b, kpnext: 0xff9b, kpend: 0xff9c, kpinsert: 0xff9e, kpdelete: 0xff9f,
  audiolowervolume: 0x1008ff11, audiomute: 0x1008ff12, audioraisevolume: 0x1008ff13, xf86audiolowervolume: 0x1008ff11, xf86audiomute: 0x1008ff12, xf86audioraisevolume: 0x1008ff13,
  xf86back: 0x1008ff26, xf86forward: 0x1008ff27, xf86refresh: 0x1008ff29,
};

/** Keys that change what others do, left ones unless the right one is named. */
const modifiers: Readonly<Record<string, number>> = {
  shift: 0xffe1, shiftl: 0xffe1, shiftleft: 0xffe1, shiftr: 0xffe2, shiftright: 0xffe2,
  ctrl: 0xffe3, control: 0xffe3, controll: 0xffe3, ctrll: 0xffe3, controlleft: 0xffe3, controlr: 0xffe4, ctrlr: 0xffe4, controlright: 0xffe4,
  alt: 0xffe9, altl: 0xffe9, altleft: 0xffe9, option: 0xffe9, opt: 0xffe9, altr: 0xffea, altright: 0xffea, altgr: 0xfe03, isolevel3shift: 0xfe03,
  super: 0xffeb, superl: 0xffeb, superr: 0xffec, win: 0xffeb, windows: 0xffeb, cmd: 0xffeb, command: 0xffeb, meta: 0xffeb, metal: 0xffe7, metar: 0xffe8, metaleft: 0xffeb, metaright: 0xffec, os: 0xffeb, hyper: 0xffed, hyperl: 0xffed, fn: 0xff7e,
};
export const keysyms = { shift: modifiers.shift!, ctrl: modifiers.ctrl!, alt: modifiers.alt!, super: modifiers.super!, return: named.return!, tab: named.tab!, backspace: named.backspace!, escape: named.escape!, delete: named.delete!, insert: named.insert! } as const;

/** What the shift key makes of the keys of the keyboard that the screen has. */
const shifted: Readonly<Record<string, string>> = Object.fromEntries([...'`1234567890-=[]\\;\',./'].map((key, index) => [key, '~!@#$%^&*()_+{}|:"<>?'[index]!]));

const unicodeKeysym = 0x01000000;
/** Keys of the screen's keyboard that have names older than Unicode: by their code the screen would not find them, and lend others that programs notice late. */
const olderKeysyms: Readonly<Record<string, number>> = { '€': 0x20ac, '‘': 0x0ad0, '’': 0x0ad1 };

/** The keysym that types this character. */
export function keysymOf(character: string): number {
  const code = character.codePointAt(0)!;
  if (code === 0x0a || code === 0x0d) return keysyms.return;
  if (code === 0x09) return keysyms.tab;
  return (code >= 0x20 && code <= 0x7e) || (code >= 0xa0 && code <= 0xff) ? code : (olderKeysyms[character] ?? unicodeKeysym + code);
}

/** Keys that are pressed in this order and released in the other. */
export type Chord = readonly number[];

/**
 * Chords of a text like `ctrl+shift+t`, `Return`, `F5`, `ü` or, one after the other, `ctrl+a Delete`. Null when a name in it
 * is none of a key.
 */
export function parseKeys(text: string): Chord[] | null {
  const whole = parseChord(text);
  if (whole) return [whole];
  const chords = text.trim().split(/\s+/).map(parseChord);
  return chords.every((chord) => chord !== null) ? chords : null;
}

function parseChord(text: string): Chord | null {
  // The plus key itself: alone, or behind the plus that joins.
  const names = text === '+' ? ['+'] : text.endsWith('++') ? [...text.slice(0, -2).split('+'), '+'] : text.split('+');
  const trimmed = names.map((name) => (name.length > 1 ? name.trim() : name));
  const withShift = trimmed.slice(0, -1).some((name) => normal(name).startsWith('shift'));
  const symbols = trimmed.map((name) => keysymNamed(name, withShift));
  return symbols.every((symbol) => symbol !== null) ? symbols : null;
}

function keysymNamed(name: string, withShift: boolean): number | null {
  // With shift held a key gives what it says above it: the screen would otherwise let go of shift to type the lower one.
  if ([...name].length === 1) return keysymOf(withShift ? (shifted[name] ?? upper(name)) : name);
  const short = normal(name);
  const keypad = /^(?:kp|numpad)([0-9])$/.exec(short);
  if (keypad) return 0xffb0 + Number(keypad[1]);
  const functionKey = /^f([1-9]|[12][0-9]|3[0-5])$/.exec(short);
  if (functionKey) return 0xffbd + Number(functionKey[1]);
  const code = /^u([0-9a-f]{4,6})$/.exec(short);
  if (code && Number.parseInt(code[1]!, 16) <= 0x10ffff) return keysymOf(String.fromCodePoint(Number.parseInt(code[1]!, 16)));
  // As browsers name them: KeyA, Digit1.
  const letter = /^(?:key([a-z])|digit([0-9]))$/.exec(short);
  if (letter) return keysymNamed(letter[1] ?? letter[2]!, withShift);
  if (Object.hasOwn(named, short)) return named[short]!;
  return Object.hasOwn(modifiers, short) ? modifiers[short]! : null;
}

const normal = (name: string): string => name.toLowerCase().replaceAll(/[_\s-]/g, '');

function upper(character: string): string {
  const large = character.toUpperCase();
  return [...large].length === 1 ? large : character;
}
