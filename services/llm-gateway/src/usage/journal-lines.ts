import type { UsageRow } from '../database/entities.ts';
import { endedCall, type AnyOutcome } from './ended-call.ts';
import type { EndedCall, ModelCall } from './model-call.ts';
import { thousandthsText } from './thousandths.ts';

/** What a journal knows of a call. */
export interface JournalEntry {
  call: ModelCall;
  /** Null: it is not over. */
  ended: EndedCall | null;
}

export type Place = Pick<ModelCall, 'route' | 'baseUrl' | 'prices' | 'baseModel'>;
/** Who calls, and what answers. */
type Surroundings = Place & Pick<ModelCall, 'run' | 'key' | 'wire' | 'stream' | 'group' | 'agent' | 'officialPrices'>;

/** What became of a call, short: its first line says the rest. */
type Outcome = [status: AnyOutcome['status'], httpStatus: number | null, uncachedInput: number, cacheRead: number, cacheWrite5m: number, cacheWrite1h: number, output: number, reasoning: number, estimated: boolean, firstByteMs: number | null, durationMs: number, cost: number | null, priced: boolean];
/** Calls that begin have the surroundings of the line before that says some, or, in files of an older version, their own. */
type Line = ['surroundings', Surroundings] | ['begun', id: string, startedAt: number, requestBytes: number, reserved: number | null, surroundings?: Surroundings] | ['ended', id: string, moved: Place | null, ...Outcome];

/**
 * The text of lines. Every call writes two of them, so they are lists, the second leaves out what the first one said, and what
 * a call has in common with the one before it is written only once.
 */
export class JournalText {
  private last: ModelCall | null = null;

  begun(call: ModelCall): string {
    const line = `["begun","${call.id}",${call.startedAt},${call.requestBytes},${call.reserved ?? null}]\n`;
    if (this.last !== null && isLike(call, this.last)) return line;
    const { run, key, route, wire, stream, group, agent, baseModel, baseUrl, officialPrices, prices } = call;
    // What becomes of the call must not change what was written.
    this.last = { ...call };
    return `["surroundings",${JSON.stringify({ run, key, route, wire, stream, group, agent, baseModel, baseUrl, officialPrices, prices })}]\n${line}`;
  }

  /** What follows stands in an empty file. */
  restart(): void {
    this.last = null;
  }

  /** `moved`: what the call's first line does not say of where it ended up; null: nothing. */
  ended({ row, priced }: EndedCall, moved: Place | null): string {
    // Nothing here has to be escaped: numbers, a status of our own, and an id that `begun` wrote the same way.
    return `["ended","${row.id}",${moved === null ? 'null' : JSON.stringify(moved)},"${row.status}",${text(row.httpStatus)},${text(row.uncachedInput)},${text(row.cacheRead)},${text(row.cacheWrite5m)},${text(row.cacheWrite1h)},${text(row.output)},${text(row.reasoning)},${row.estimated},${row.firstByteMs == null ? 'null' : thousandthsText(row.firstByteMs)},${thousandthsText(row.durationMs)},${text(row.cost)},${priced === true}]\n`;
  }
}

/** As JSON has it. */
const text = (value: number | null | undefined): string => (value != null && Number.isFinite(value) ? String(value) : 'null');

/** What stands in a journal, by the calls' ids. The last line of a killed process may be half a line. */
export function readJournal(text: string): Map<string, JournalEntry> {
  const entries = new Map<string, JournalEntry>();
  let around: Surroundings | undefined;
  for (const line of text.split('\n')) {
    const read = parse(line);
    if (read?.[0] === 'surroundings') around = read[1];
    else if (read?.[0] === 'begun') {
      const [, id, startedAt, requestBytes, reserved, surroundings = around] = read;
      if (surroundings !== undefined) entries.set(id, { call: { id, startedAt, startedMark: 0, requestBytes, ...surroundings, ...(reserved !== null && { reserved }) }, ended: null });
    } else if (read?.[0] === 'ended') {
      const [, id, moved, ...outcome] = read;
      const entry = entries.get(id);
      if (entry === undefined) continue;
      Object.assign(entry.call, moved);
      entry.ended = endedAs(entry.call, outcome);
    }
  }
  return entries;
}

function endedAs(call: ModelCall, [status, httpStatus, uncachedInput, cacheRead, cacheWrite5m, cacheWrite1h, output, reasoning, estimated, firstByteMs, durationMs, cost, priced]: Outcome): EndedCall {
  const ended = endedCall(call, { status, httpStatus, usage: { uncachedInput, cacheRead, cacheWrite5m, cacheWrite1h, output, reasoning }, estimated, firstByteMs }, durationMs);
  ended.row.cost = cost as UsageRow['cost'];
  if (priced) ended.priced = true;
  return ended;
}

function isLike(one: ModelCall, other: ModelCall): boolean {
  const [run, otherRun, key, otherKey] = [one.run, other.run, one.key, other.key];
  return (
    isSameRoute(one.route, other.route) && one.baseUrl === other.baseUrl && one.prices === other.prices && one.baseModel === other.baseModel && one.wire === other.wire && one.stream === other.stream && one.group === other.group && one.agent === other.agent &&
    one.officialPrices === other.officialPrices && run?.runId === otherRun?.runId && run?.conversationId === otherRun?.conversationId && run?.userId === otherRun?.userId && key?.hash === otherKey?.hash && key?.userId === otherKey?.userId && key?.teamId === otherKey?.teamId && key?.jobId === otherKey?.jobId
  );
}

const isSameRoute = (one: ModelCall['route'], other: ModelCall['route']): boolean => one.model === other.model && one.provider === other.provider && one.source === other.source;

function parse(line: string): Line | null {
  try {
    return line === '' ? null : (JSON.parse(line) as Line);
  } catch {
    return null;
  }
}
