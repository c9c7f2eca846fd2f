// What a person reads while the bootstrap works. Steps that have nothing to do print nothing.

const startedAt = Date.now();

/** Prints one line for a step that does something, with the seconds since the command began. */
export function say(text) {
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(1).padStart(6);
  process.stderr.write(`[${seconds} s] ${text}\n`);
}

/** A failure whose message already tells the person what to do; printed without a stack. */
export class Remedy extends Error {
  constructor(problem, remedy, options) {
    super(remedy ? `${problem}\n  What to do: ${remedy}` : problem, options);
    this.name = 'Remedy';
  }
}

/** The last lines of a program's output, for an error message. */
export function tail(text, lines = 12) {
  return text.trimEnd().split('\n').slice(-lines).join('\n');
}
