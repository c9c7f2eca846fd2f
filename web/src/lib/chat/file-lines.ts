export interface FileLine {
  /** Empty for what the tool did not number: a note at the end. */
  number: string;
  text: string;
}

/** The lines of a file as the read tool gives them, their numbers apart. */
export function fileLines(text: string): FileLine[] {
  return text.replace(/\n$/, '').split('\n').map((line) => {
    const numbered = /^ *(\d+)(?:\t|→|\| ?)(.*)$/.exec(line);
    return numbered ? { number: numbered[1]!, text: numbered[2]! } : { number: '', text: line };
  });
}
