import { keysymOf, keysyms } from './keys.ts';

export type TypingStep = { kind: 'keys'; keysyms: number[] } | { kind: 'paste'; text: string };

/** Longer texts are pasted: a program that is slow with keys would still be at it when the screen looks calm. */
const longText = 500;
/** What the keyboard of the screen has beside ASCII: see its session in the image. */
export const ownKeys: ReadonlySet<string> = new Set('¡²³¤€¼½¾‘’¥×¹÷£äåéþüúíóöÄÅÉÞÜÚÍÓÖ«»áßðÁ§Ðøæ©ñµç¿ØÆ¢ÑÇ°¶¬¦®');

/** Keys that have no character and that a text may name by its control character. */
const control: Readonly<Record<string, number>> = { '\b': keysyms.backspace, '\u001b': keysyms.escape, '\u007f': keysyms.delete };

/** What cannot be typed or pasted: control characters without a key. */
export function untypable(text: string): string | null {
  return [...text].find((character) => (character < ' ' && !'\n\t'.includes(character) && !(character in control)) || (character >= '\u0080' && character < '\u00a0')) ?? null;
}

/**
 * How a text is typed exactly. Short ones by keys, as a person would; where the keyboard lacks a character, what is between line
 * ends and tabs is pasted: the screen would lend it a key, but it has few to lend, and a program may press on before it knows. Long ones are pasted whole, but for the line ends behind them, which are pressed: a
 * terminal runs what was pasted only then.
 */
export function planTyping(given: string): TypingStep[] {
  const text = given.replaceAll('\r\n', '\n').replaceAll('\r', '\n');
  if (text.length > longText) {
    const body = text.replace(/\n+$/, '');
    return join([{ kind: 'paste', text: body }, keys(text.slice(body.length))]);
  }
  return join(text.split(/([\n\t]+)/).map((part) => (hasKeys(part) ? keys(part) : { kind: 'paste', text: part })));
}

function hasKeys(text: string): boolean {
  return [...text].every((character) => character <= '~' || ownKeys.has(character));
}

function keys(text: string): TypingStep {
  return { kind: 'keys', keysyms: [...text].map((character) => control[character] ?? keysymOf(character)) };
}

/** Without empty steps, and keys beside keys as one. */
function join(steps: readonly TypingStep[]): TypingStep[] {
  const joined: TypingStep[] = [];
  for (const step of steps) {
    const last = joined.at(-1);
    if (step.kind === 'paste' ? step.text === '' : step.keysyms.length === 0) continue;
    if (step.kind === 'keys' && last?.kind === 'keys') last.keysyms.push(...step.keysyms);
    else joined.push(step);
  }
  return joined;
}
