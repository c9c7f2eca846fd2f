import { keysym, keysymOfCharacter } from './keysyms.ts';

/** What typing needs of a connection to a desktop. */
export interface Keys {
  /** Without `down` it is pressed and let go. */
  sendKey(keysym: number, down?: boolean): void;
  /** Puts text on the desktop's clipboard, once nobody is still busy with the one before. */
  put(text: string): Promise<void>;
  /** Resolves when a program there has fetched what was put there, or has had time enough to. */
  fetched(): Promise<void>;
  /** The desktop's clipboard was only borrowed: what belongs there is put back after a while. */
  giveBackLater(): void;
}

type Input = { text: string } | { clipboard: string } | { key: number; down: boolean | undefined };

/** Longer texts are faster, and surer, through the clipboard. */
const mostKeys = 120;

/**
 * Whether a text can be typed key by key. The desktop's keyboard is a plain one: a character without a key of its own is
 * lent one when it comes, and programs that have not heard of that yet take it for what the key meant before.
 */
export function isTypeable(text: string): boolean {
  return text.length <= mostKeys && /^[\t\n\r\x20-\x7e]*$/.test(text);
}

/**
 * Hands keys and texts to the desktop in the order in which they came. A text (from an input method, a phone, a paste)
 * arrives exactly as it is: key by key where there are keys, else by the desktop's clipboard and Shift+Insert, which
 * terminals and browsers both know. What comes while a program still fetches such a text waits for it.
 */
export class Typist {
  #queue: Input[] = [];
  #work: Promise<void> | null = null;

  constructor(private readonly keys: Keys) {}

  type(text: string): Promise<void> {
    const last = this.#queue.at(-1);
    const clean = text.replace(/\r\n?/g, '\n');
    if (last && 'text' in last) last.text += clean;
    else if (clean !== '') this.#queue.push({ text: clean });
    return this.#begin();
  }

  key(key: number, down?: boolean): void {
    if (this.#work === null) return this.keys.sendKey(key, down);
    this.#queue.push({ key, down });
  }

  /** Puts text on the desktop's clipboard, to stay there. */
  put(text: string): void {
    this.#queue.push({ clipboard: text });
    void this.#begin();
  }

  #begin(): Promise<void> {
    this.#work ??= this.#drain().finally(() => (this.#work = null));
    return this.#work;
  }

  async #drain(): Promise<void> {
    for (let input = this.#queue.shift(); input !== undefined; input = this.#queue.shift()) {
      if ('clipboard' in input) await this.keys.put(input.clipboard);
      else if ('key' in input) this.keys.sendKey(input.key, input.down);
      else if (isTypeable(input.text)) for (const character of input.text) this.keys.sendKey(keysymOfCharacter(character));
      else await this.#paste(input.text);
    }
  }

  async #paste(text: string): Promise<void> {
    this.keys.giveBackLater();
    await this.keys.put(text);
    const fetched = this.keys.fetched();
    this.keys.sendKey(keysym.shift, true);
    this.keys.sendKey(keysym.insert);
    this.keys.sendKey(keysym.shift, false);
    await fetched;
  }
}
