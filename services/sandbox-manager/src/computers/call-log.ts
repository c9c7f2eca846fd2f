import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

const keptCalls = 2_000;

/**
 * Which calls were handed to which boot of a computer, in a file beside its workspace: a call that an earlier boot may
 * have started is never started again, whoever asks and whoever died since.
 */
export class CallLog {
  #boots = new Map<string, string>();
  #lines = 0;

  constructor(private readonly file: string) {
    for (const [boot, call] of readLines(file)) this.#boots.set(call, boot);
    this.#lines = this.#boots.size;
  }

  /** True when the call may be handed to this boot; from then on to no other. */
  admit(call: string, boot: string): boolean {
    const known = this.#boots.get(call);
    if (known !== undefined) return known === boot;
    mkdirSync(dirname(this.file), { recursive: true });
    appendFileSync(this.file, `${JSON.stringify([boot, call])}\n`);
    this.#boots.set(call, boot);
    if (++this.#lines > 2 * keptCalls) this.#shorten();
    return true;
  }

  #shorten(): void {
    this.#boots = new Map([...this.#boots].slice(-keptCalls));
    this.#lines = this.#boots.size;
    writeFileSync(this.file, [...this.#boots].map(([call, boot]) => `${JSON.stringify([boot, call])}\n`).join(''));
  }
}

/** A line that a crash or a full disk cut short counts for nothing: its call was not handed over. */
function readLines(file: string): [string, string][] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return [];
  }
  return text.split('\n').flatMap((line) => {
    try {
      return [JSON.parse(line) as [string, string]];
    } catch {
      return [];
    }
  });
}
