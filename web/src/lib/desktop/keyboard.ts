import { DoubleEscape } from './escape.ts';
import { keysym, keysymOfKey, plainKey } from './keysyms.ts';
import { isTypeable, type Typist } from './typing.ts';

export interface KeyboardOutlet {
  typist: Typist;
  /** Esc was pressed twice. */
  leave(): void;
  /** A paste key was pressed here; called before the key goes to the desktop, with this machine's text. */
  paste(text: string): void;
  /** A copy key was pressed. */
  copy(): void;
  /** What an input method is making, before it is text; empty when it is done. */
  compose(text: string): void;
}

const isApple = /Mac|iPhone|iPad/.test(navigator.userAgent);
/** Something to delete, so that phones tell of their backspace key. */
const rest = '\u00a0';

/**
 * Takes what a person types into a hidden text field, with a keyboard, an input method or a phone, to the desktop. The
 * browser does nothing else with it, and no shortcut of the page sees it.
 */
export class DesktopKeyboard {
  /** Physical keys that are down, with what they meant when they went down. */
  #down = new Map<string, number>();
  #pasteKey: number | null = null;
  #composing = false;
  readonly #escape: DoubleEscape;

  constructor(
    private readonly field: HTMLTextAreaElement,
    private readonly outlet: KeyboardOutlet,
  ) {
    this.#escape = new DoubleEscape(() => outlet.typist.key(keysym.escape), () => outlet.leave());
    // Safari's, and not among the attributes that templates know.
    field.setAttribute('autocorrect', 'off');
    this.#clear();
    const on = <Name extends keyof HTMLElementEventMap>(name: Name, listener: (event: HTMLElementEventMap[Name]) => void) => field.addEventListener(name, listener);
    on('keydown', (event) => this.#onDown(event));
    on('keyup', (event) => this.#onUp(event));
    on('blur', () => this.#letGo());
    on('paste', (event) => this.#onPaste(event));
    on('beforeinput', (event) => this.#onInput(event));
    on('compositionstart', () => (this.#composing = true));
    on('compositionupdate', ({ data }) => outlet.compose(data));
    on('compositionend', ({ data }) => this.#onComposed(data));
  }

  #onDown(event: KeyboardEvent): void {
    event.stopPropagation();
    // 229: an input method has it, also where the browser does not say that it composes.
    if (event.isComposing || event.keyCode === 229) return;
    const { location, ctrlKey, metaKey, altKey, shiftKey } = event;
    // AltGr is Ctrl and Alt to some systems, and makes characters, not shortcuts.
    const isShortcut = (ctrlKey || metaKey || (altKey && !isApple)) && !event.getModifierState('AltGraph');
    const key = isShortcut ? plainKey(event.key, event.code) : event.key;
    const commands = isApple ? metaKey : ctrlKey;
    if (key === 'Escape' && !ctrlKey && !metaKey && !altKey && !shiftKey) {
      event.preventDefault();
      if (!event.repeat) this.#escape.press();
      return;
    }
    this.#escape.flush();
    if ((commands && !altKey && key.toLowerCase() === 'v') || (shiftKey && key === 'Insert')) {
      // The browser's own paste follows, with the text.
      this.#pasteKey = keysymOfKey(key);
      return;
    }
    if (!isShortcut && [...key].length === 1 && !isTypeable(key)) {
      event.preventDefault();
      return void this.outlet.typist.type(key);
    }
    const meant = this.#meaningOf(key, location);
    if (meant === null) return;
    event.preventDefault();
    if (meant === 'nothing') return;
    if (commands && (key.toLowerCase() === 'c' || key.toLowerCase() === 'x')) this.outlet.copy();
    const code = event.code || key;
    const held = this.#down.get(code) ?? meant;
    // While Cmd is down, Macs tell of no key that goes up.
    if (isApple && metaKey && key !== 'Meta') return this.outlet.typist.key(held);
    this.#down.set(code, held);
    this.outlet.typist.key(held, true);
  }

  /** Null where the browser is to make text of it. */
  #meaningOf(key: string, location: number): number | 'nothing' | null {
    if (key === 'AltGraph') {
      // Windows says Control for it first; with it, the character that follows would be a shortcut.
      this.#up('ControlLeft');
      return 'nothing';
    }
    if (isApple && key === 'Alt') return 'nothing';
    if (isApple && key === 'Meta') return keysym.control;
    return keysymOfKey(key, location);
  }

  #onUp(event: KeyboardEvent): void {
    event.stopPropagation();
    if (event.isComposing) return;
    event.preventDefault();
    this.#up(event.code || event.key);
  }

  #up(code: string): void {
    const held = this.#down.get(code);
    if (held === undefined) return;
    this.#down.delete(code);
    this.outlet.typist.key(held, false);
  }

  #letGo(): void {
    this.#escape.cancel();
    for (const code of [...this.#down.keys()]) this.#up(code);
    this.outlet.compose('');
  }

  #onPaste(event: ClipboardEvent): void {
    event.preventDefault();
    const key = this.#pasteKey;
    this.#pasteKey = null;
    const text = event.clipboardData?.getData('text/plain') ?? '';
    if (key === null) return void this.outlet.typist.type(text);
    this.outlet.paste(text);
    this.outlet.typist.key(key);
  }

  #onInput(event: InputEvent): void {
    if (this.#composing || event.inputType === 'insertCompositionText') return;
    event.preventDefault();
    const { typist } = this.outlet;
    if (event.inputType === 'insertLineBreak' || event.inputType === 'insertParagraph') typist.key(keysym.enter);
    else if (event.inputType.startsWith('delete')) typist.key(keysym.backSpace);
    else if (event.data) void typist.type(event.data);
  }

  #onComposed(text: string): void {
    this.#composing = false;
    this.outlet.compose('');
    void this.outlet.typist.type(text);
    // The browser still writes the text into the field after this event.
    setTimeout(() => !this.#composing && this.#clear());
  }

  #clear(): void {
    this.field.value = rest;
    this.field.setSelectionRange(rest.length, rest.length);
  }
}
