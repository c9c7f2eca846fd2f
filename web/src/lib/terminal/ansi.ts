/** A stretch of one line in one look. `classes` name the look; `colour` is set where the program chose one beyond the sixteen. */
export interface Segment {
  text: string;
  classes: string;
  colour?: string;
}
export type Line = readonly Segment[];

interface Look {
  foreground: string | null;
  background: string | null;
  colour: string | null;
  bold: boolean;
  dim: boolean;
  italic: boolean;
  underline: boolean;
  inverse: boolean;
}

const plain: Look = { foreground: null, background: null, colour: null, bold: false, dim: false, italic: false, underline: false, inverse: false };
const names = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white'];
/** Colour sequences, other control sequences, titles and links, other escapes, and control characters that draw nothing. */
const escape = /\u001b\[([0-9;:]*)m|\u001b\[[0-?]*[ -/]*[@-~]|\u001b[\]PX^_][\s\S]*?(?:\u0007|\u001b\\)|\u001b[ -/]*[0-~]|[\u0000-\u0008\u000b\u000c\u000e-\u001a\u001c-\u001f\u007f]/g;

/**
 * Terminal output as lines of coloured text, fed as it grows. Finished lines are made once and stay the same objects.
 * A carriage return starts its line over, as a progress bar wants it; other cursor movement is left out.
 */
export class TerminalText {
  #source = '';
  #done: Line[] = [];
  #lineStart = 0;
  #look = plain;

  /** All lines of `text`, which begins with what was given before (else everything is made anew). */
  feed(text: string): readonly Line[] {
    if (!text.startsWith(this.#source)) {
      this.#done = [];
      this.#lineStart = 0;
      this.#look = plain;
    }
    this.#source = text;
    for (let end = text.indexOf('\n', this.#lineStart); end !== -1; end = text.indexOf('\n', this.#lineStart)) {
      const { line, look } = readLine(text.slice(this.#lineStart, end), this.#look);
      this.#done.push(line);
      this.#look = look;
      this.#lineStart = end + 1;
    }
    if (this.#lineStart >= text.length) return [...this.#done];
    return [...this.#done, readLine(text.slice(this.#lineStart), this.#look).line];
  }
}

function readLine(raw: string, start: Look): { line: Line; look: Look } {
  const line: Segment[] = [];
  let look = start;
  const text = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
  const visible = text.slice(text.lastIndexOf('\r') + 1);
  // What a carriage return wiped is gone, but the colours it set still hold.
  for (const match of text.slice(0, text.length - visible.length).matchAll(escape)) if (match[1] !== undefined) look = changed(look, match[1]);
  let at = 0;
  for (const match of visible.matchAll(escape)) {
    push(line, visible.slice(at, match.index), look);
    if (match[1] !== undefined) look = changed(look, match[1]);
    at = match.index + match[0].length;
  }
  push(line, visible.slice(at), look);
  return { line, look };
}

function push(line: Segment[], text: string, look: Look): void {
  if (text === '') return;
  const [foreground, background] = look.inverse ? [look.background ?? 'inverse', look.foreground ?? 'inverse'] : [look.foreground, look.background];
  const classes = [foreground && `fg-${foreground}`, background && `bg-${background}`, look.bold && 'bold', look.dim && 'dim', look.italic && 'italic', look.underline && 'underline'].filter(Boolean).join(' ');
  line.push({ text, classes, ...(look.colour !== null && { colour: look.colour }) });
}

function changed(look: Look, parameters: string): Look {
  const codes = parameters.split(/[;:]/).map(Number);
  const next = { ...look };
  for (let index = 0; index < codes.length; index++) {
    const code = codes[index]!;
    if (code === 0) Object.assign(next, plain);
    else if (code === 1) next.bold = true;
    else if (code === 2) next.dim = true;
    else if (code === 3) next.italic = true;
    else if (code === 4) next.underline = true;
    else if (code === 7) next.inverse = true;
    else if (code === 22) next.bold = next.dim = false;
    else if (code === 23) next.italic = false;
    else if (code === 24) next.underline = false;
    else if (code === 27) next.inverse = false;
    else if (code >= 30 && code <= 37) [next.foreground, next.colour] = [names[code - 30]!, null];
    else if (code >= 90 && code <= 97) [next.foreground, next.colour] = [`bright-${names[code - 90]!}`, null];
    else if (code >= 40 && code <= 47) next.background = names[code - 40]!;
    else if (code >= 100 && code <= 107) next.background = `bright-${names[code - 100]!}`;
    else if (code === 39) next.foreground = next.colour = null;
    else if (code === 49) next.background = null;
    else if (code === 38 || code === 48) {
      const { used, name, colour } = extended(codes.slice(index + 1));
      index += used;
      if (code === 38) [next.foreground, next.colour] = [name, colour];
      else if (name !== null) next.background = name;
    }
  }
  return next;
}

/** The 256-colour and 24-bit forms: `5;n` and `2;r;g;b`. */
function extended(codes: number[]): { used: number; name: string | null; colour: string | null } {
  const [kind, first = 0, second = 0, third = 0] = codes;
  if (kind === 2) return { used: 4, name: null, colour: `rgb(${byte(first)} ${byte(second)} ${byte(third)})` };
  if (kind !== 5) return { used: 0, name: null, colour: null };
  if (first < 16) return { used: 2, name: `${first > 7 ? 'bright-' : ''}${names[first % 8]!}`, colour: null };
  if (first > 231) return { used: 2, name: null, colour: `rgb(${Array(3).fill(8 + 10 * (byte(first) - 232)).join(' ')})` };
  const level = (value: number) => (value === 0 ? 0 : 55 + 40 * value);
  const cube = first - 16;
  return { used: 2, name: null, colour: `rgb(${level(Math.floor(cube / 36))} ${level(Math.floor(cube / 6) % 6)} ${level(cube % 6)})` };
}

const byte = (value: number) => (Number.isFinite(value) ? Math.min(255, Math.max(0, value)) : 0);
