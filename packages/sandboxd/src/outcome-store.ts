import { createHash } from 'node:crypto';
import { appendFileSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Outcome } from './protocol.ts';

/** What the store knows of a call. Without `outcome` it was running when the daemon last wrote. */
export interface CallRecord {
  call_id: string;
  token: string;
  started_at: number;
  output_limit: number;
  timeout_ms: number;
  /** The output that has been shown. */
  text: string;
  outcome?: Outcome;
}

/**
 * Calls and their outcomes in a folder that only sandboxd can read, on a file system in memory: they outlive the daemon
 * and end with the container. Synchronous, because a call may not start before its record is there.
 */
export class OutcomeStore {
  constructor(private readonly folder: string) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }

  save(record: Omit<CallRecord, 'text'> & { text?: string }): void {
    const file = this.#file(record.call_id);
    writeFileSync(`${file}.new`, JSON.stringify({ ...record, text: record.text ?? '' }));
    renameSync(`${file}.new`, `${file}.json`);
    if (record.outcome) rmSync(`${file}.text`, { force: true });
  }

  /** Adds to the shown output of a running call. */
  appendText(callId: string, text: string): void {
    appendFileSync(`${this.#file(callId)}.text`, text);
  }

  remove(callId: string): void {
    const file = this.#file(callId);
    for (const ending of ['json', 'text']) rmSync(`${file}.${ending}`, { force: true });
  }

  load(): CallRecord[] {
    return readdirSync(this.folder)
      .filter((name) => name.endsWith('.json'))
      .map((name) => {
        const record = JSON.parse(readFileSync(join(this.folder, name), 'utf8')) as CallRecord;
        return record.outcome ? record : { ...record, text: this.#shown(record.call_id) };
      });
  }

  #shown(callId: string): string {
    try {
      return readFileSync(`${this.#file(callId)}.text`, 'utf8');
    } catch {
      return '';
    }
  }

  #file(callId: string): string {
    return join(this.folder, createHash('sha256').update(callId).digest('hex').slice(0, 32));
  }
}
