/** X11's names for keys, as numbers. */
export const keysym = {
  backSpace: 0xff08,
  tab: 0xff09,
  enter: 0xff0d,
  escape: 0xff1b,
  insert: 0xff63,
  shift: 0xffe1,
  control: 0xffe3,
  v: 0x76,
} as const;

/** Keys that stand for no character, by `KeyboardEvent.key`; the second number is the one on the right side. */
const named: Readonly<Record<string, readonly [number, number?]>> = {
  Backspace: [keysym.backSpace], Tab: [keysym.tab], Enter: [keysym.enter, 0xff8d], Escape: [keysym.escape], Delete: [0xffff], Insert: [keysym.insert],
  Home: [0xff50], End: [0xff57], PageUp: [0xff55], PageDown: [0xff56],
  ArrowLeft: [0xff51], ArrowUp: [0xff52], ArrowRight: [0xff53], ArrowDown: [0xff54],
  Shift: [keysym.shift, 0xffe2], Control: [keysym.control, 0xffe4], Alt: [0xffe9, 0xffea], Meta: [0xffeb, 0xffec], AltGraph: [0xfe03],
  CapsLock: [0xffe5], NumLock: [0xff7f], ScrollLock: [0xff14], Pause: [0xff13], PrintScreen: [0xff61], ContextMenu: [0xff67],
  ...Object.fromEntries(Array.from({ length: 24 }, (_, index): [string, [number]] => [`F${index + 1}`, [0xffbe + index]])),
};

/** The keysym of a character: Latin-1 is its own, everything else is its code point above a million. */
export function keysymOfCharacter(character: string): number {
  const point = character.codePointAt(0) ?? 0;
  if (point === 0x0a || point === 0x0d) return keysym.enter;
  if (point === 0x09) return keysym.tab;
  return point < 0x100 ? point : 0x01000000 + point;
}

/** What a key would be on a plain keyboard: a shortcut is pressed by its place where its letter is of another script. */
export function plainKey(key: string, code: string): string {
  if (/^[\x20-\x7e]$/.test(key) || [...key].length > 1) return key;
  const letter = /^(?:Key|Digit)([A-Z0-9])$/.exec(code)?.[1];
  return letter?.toLowerCase() ?? key;
}

/** The keysym that a pressed key means, or null when the browser makes text of it: a dead key, an input method, an unnamed one. */
export function keysymOfKey(key: string, location = 0): number | null {
  const entry = named[key];
  if (entry) return location === 2 || location === 3 ? (entry[1] ?? entry[0]) : entry[0];
  return [...key].length === 1 ? keysymOfCharacter(key) : null;
}
