import { closeSync, ftruncateSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { JournalText, readJournal, type JournalEntry, type Place } from './journal-lines.ts';
import type { EndedCall, JournalPlace, ModelCall } from './model-call.ts';

/** A call, with what its first line says of its place. */
type Open = JournalEntry & JournalPlace & Required<Place>;

/** So many that are stored already may be among those that are open. */
const mostStored = 256;
const rotateAt = 16 * 1024 * 1024;

/**
 * Calls that the database does not have yet, as lines of a file. A line is handed to the operating system within the same
 * turn of the event loop, which a killed process does not take along; a power cut may. One file a process.
 */
export class UsageJournal {
  // In one list that is closed up in place. A map that every call goes into and out of grows a chain of dead tables, which
  // the garbage collector copies with all that was in them.
  private readonly open: Open[] = [];
  private storedCount = 0;
  private readonly text = new JournalText();
  private lines: string[] = [];
  private waiting: (() => void)[] = [];
  private scheduled = false;
  private file: number | null = null;
  private path = '';
  private size = 0;
  private count = 0;

  /** Without a folder nothing is kept. `trouble` hears why lines cannot be written at the moment; they are tried again. */
  constructor(private readonly folder: string | null, private readonly trouble: (error: unknown) => void = () => {}) {}

  /** What processes that are gone left behind. Their files are deleted once `stored` is called for all of it. */
  takeOver(): JournalEntry[] {
    if (this.folder === null) return [];
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    const abandoned = readdirSync(this.folder).filter((name) => name.endsWith('.journal') && !ownerLives(name));
    const found = abandoned.flatMap((name) => [...readJournal(readFileSync(join(this.folder!, name), 'utf8')).values()]);
    for (const { call, ended } of found) {
      this.begun(call);
      if (ended !== null) this.ended(call, ended);
    }
    this.write();
    for (const name of abandoned) rmSync(join(this.folder, name), { force: true });
    return found;
  }

  begun(call: ModelCall): void {
    if (this.folder === null) return;
    const { route, baseUrl, prices = null, baseModel = null } = call;
    const open: Open = { call, ended: null, isStored: false, route, baseUrl, prices, baseModel };
    this.open.push(open);
    call.journaled = open;
    this.add(this.text.begun(call));
  }

  ended(call: ModelCall, ended: EndedCall): void {
    if (this.folder === null) return;
    if (call.journaled === undefined) this.begun(call);
    const open = call.journaled as Open;
    open.ended = ended;
    ended.journaled = open;
    this.add(this.text.ended(ended, isAt(call, open) ? null : placeOf(call)));
  }

  /** Runs `act` once every line so far is written; at once when there is none to write. */
  written(act: () => void): void {
    if (this.scheduled) this.waiting.push(act);
    else act();
  }

  stored(calls: readonly EndedCall[]): void {
    for (const { journaled } of calls) {
      if (journaled === undefined || journaled.isStored) continue;
      journaled.isStored = true;
      this.storedCount++;
    }
    if (this.storedCount > Math.max(mostStored, this.open.length / 2) || this.storedCount === this.open.length || this.size > rotateAt) this.closeUp();
    if (this.open.length === 0) {
      this.lines = [];
      this.text.restart();
      if (this.file !== null && this.size > 0) ftruncateSync(this.file, 0);
      this.size = 0;
    } else if (this.size > rotateAt) this.rotate();
  }

  /** `empty`: everything is stored, so nothing has to stay. */
  close(empty: boolean): void {
    this.write();
    if (this.file !== null) closeSync(this.file);
    if (this.file !== null && empty && this.open.length === this.storedCount) rmSync(this.path, { force: true });
    this.file = null;
  }

  /** Takes out what is stored. */
  private closeUp(): void {
    let count = 0;
    for (const open of this.open) if (!open.isStored) this.open[count++] = open;
    this.open.length = count;
    this.storedCount = 0;
  }

  private add(line: string): void {
    this.lines.push(line);
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => this.writeAndGoOn());
  }

  /** Answers do not wait for a disk that is full: their calls are then as safe as the memory that they are in. */
  private writeAndGoOn(): void {
    const acts = this.waiting;
    this.waiting = [];
    try {
      this.write();
    } catch (error) {
      this.trouble(error);
    } finally {
      for (const act of acts) act();
    }
  }

  private write(): void {
    this.scheduled = false;
    if (this.lines.length === 0) return;
    this.file ??= this.openFile();
    // Several calls share one write.
    const bytes = Buffer.from(this.lines.join(''));
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.file, bytes, at);
    } catch (error) {
      // What is there may end within a line.
      if (this.lines[0] !== '\n') this.lines.unshift('\n');
      throw error;
    }
    this.size += bytes.length;
    this.lines = [];
  }

  /** Goes on in a new file that holds only what is still open. */
  private rotate(): void {
    const [old, oldPath] = [this.file, this.path];
    this.file = null;
    this.size = 0;
    this.text.restart();
    this.lines = this.open.flatMap((open) => {
      Object.assign(open, placeOf(open.call));
      return [this.text.begun(open.call), ...(open.ended === null ? [] : [this.text.ended(open.ended, null)])];
    });
    this.write();
    if (old !== null) closeSync(old);
    rmSync(oldPath, { force: true });
  }

  private openFile(): number {
    this.path = join(this.folder ?? '', `${process.pid}-${startOf(process.pid) ?? 'unknown'}-${this.count++}.journal`);
    return openSync(this.path, 'a', 0o600);
  }
}

const placeOf = ({ route, baseUrl, prices, baseModel }: ModelCall): Required<Place> => ({ route, baseUrl, prices: prices ?? null, baseModel: baseModel ?? null });
const isAt = (call: ModelCall, { route, baseUrl, prices, baseModel }: Place): boolean => call.route === route && call.baseUrl === baseUrl && (call.prices ?? null) === prices && (call.baseModel ?? null) === baseModel;

/** A process is known by its id and when it started, because ids come back. */
function ownerLives(name: string): boolean {
  const [pid = '', start = ''] = name.split('-');
  if (Number(pid) === process.pid) return startOf(process.pid) === start || start === 'unknown';
  try {
    process.kill(Number(pid), 0);
  } catch {
    return false;
  }
  const now = startOf(Number(pid));
  return now === undefined || now === start;
}

function startOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)?.split(' ')[19];
  } catch {
    return undefined;
  }
}
