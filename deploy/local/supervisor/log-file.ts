import { closeSync, openSync, renameSync, statSync, writeSync } from 'node:fs';

const mostBytes = 10 * 1024 ** 2;
const olderFiles = 2;

/** An append-only log that starts anew at 10 MB and keeps two older ones (`.1`, `.2`). */
export class LogFile {
  private descriptor: number;
  private size: number;

  constructor(private readonly path: string) {
    this.descriptor = openSync(path, 'a', 0o600);
    this.size = statSync(path).size;
  }

  /** Adds a line. A full disk loses the line, never the process. */
  write(line: string): void {
    try {
      if (this.size > mostBytes) this.rotate();
      this.size += writeSync(this.descriptor, `${line}\n`);
    } catch {
      // Nothing better to do with a log line that the disk does not take.
    }
  }

  close(): void {
    closeSync(this.descriptor);
  }

  private rotate(): void {
    for (let age = olderFiles; age > 0; age--) {
      const younger = age === 1 ? this.path : `${this.path}.${age - 1}`;
      if (statSync(younger, { throwIfNoEntry: false })) renameSync(younger, `${this.path}.${age}`);
    }
    closeSync(this.descriptor);
    this.descriptor = openSync(this.path, 'a', 0o600);
    this.size = 0;
  }
}
