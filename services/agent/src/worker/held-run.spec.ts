import { DeclaredError, runs, sandbox, type ClaimedRun } from '@deskhand/contracts';
import { MemoryBus } from '@deskhand/platform/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RunAbandoned } from '../loop/stop.ts';
import { BusComputer } from './bus-computer.ts';
import { BusJournal } from './bus-journal.ts';
import { HeldRun } from './held-run.ts';

/** Real: the bus in memory, with its validation and errors. */

const claimed: ClaimedRun = {
  run_id: 'run', epoch: 3, lease_ms: 1_000, user_id: 'u', conversation_id: 'c', branch_id: 'b', computer_id: 'computer', provider: null, model_name: null, system_prompt_override: null, approval_mode: 'auto',
  always_allowed: [], step: 0, tool_calls: [], interrupt: false, history: [], history_complete: true, grant: 'first',
};
const never = new AbortController().signal;
let time = 0;
const hold = (run: Partial<ClaimedRun> = {}) => new HeldRun({ ...claimed, ...run }, never, time, () => time);
const pass = (milliseconds: number) => { time += milliseconds; vi.advanceTimersByTime(milliseconds); };

beforeEach(() => { time = 0; });
afterEach(() => { vi.useRealTimers(); });

describe('a held run', () => {
  it('is abandoned the moment its lease ends, unless a heartbeat renewed it', () => {
    vi.useFakeTimers();
    const held = hold();
    pass(999);
    expect(held.held).toBe(true);
    held.renew(900, 1_000, 'second');
    pass(500);
    expect(held.held).toBe(true);
    expect(held.grant).toBe('second');
    pass(500);
    expect(held.stop.abandoned.aborted).toBe(true);
  });

  it('is not held after its time even before its timer fires: a stopped process that wakes up does nothing more', () => {
    const held = hold();
    time = 1_001;
    expect(held.held).toBe(false);
    held.abandon();
  });

  it('knows from the claim that a person stopped it', () => {
    const held = hold({ interrupt: true });
    expect(held.stop.interrupted.aborted).toBe(true);
    held.abandon();
  });
});

describe('its journal', () => {
  const entry = { type: 'run-parked' } as const;

  it('repeats a record with the same key while nobody answers, until it is stored', async () => {
    const bus = new MemoryBus();
    const keys: string[] = [];
    let failures: DeclaredError[] = [new DeclaredError('UNAVAILABLE', 'away'), new DeclaredError('TIMEOUT', 'slow'), new DeclaredError('INTERNAL', 'busy')];
    await bus.serve(runs.record, null, async ({ key }) => {
      keys.push(key);
      const failure = failures.shift();
      if (failure !== undefined) throw failure;
      return { steering: [], interrupt: true };
    });
    const held = hold();
    expect(await new BusJournal(bus, held).record('k', [entry])).toEqual({ steering: [], interrupt: true });
    expect(keys).toEqual(['k', 'k', 'k', 'k']);
    failures = Array.from({ length: 9 }, () => new DeclaredError('INTERNAL', 'broken'));
    await expect(new BusJournal(bus, held).record('k', [entry])).rejects.toMatchObject({ code: 'INTERNAL' });
    held.abandon();
  });

  it.each(['STALE_EPOCH', 'NOT_FOUND'] as const)('gives the run up on %s', async (code) => {
    const bus = new MemoryBus();
    await bus.serve(runs.record, null, async () => { throw new DeclaredError(code, 'gone'); });
    const held = hold();
    await expect(new BusJournal(bus, held).record('k', [entry])).rejects.toBeInstanceOf(RunAbandoned);
    expect(held.stop.abandoned.aborted).toBe(true);
  });

  it('writes nothing without a lease, and stops waiting when it ends', async () => {
    const bus = new MemoryBus();
    let asked = 0;
    await bus.serve(runs.record, null, async () => { asked += 1; return new Promise(() => {}); });
    const late = hold();
    time = 1_001;
    await expect(new BusJournal(bus, late).record('k', [entry])).rejects.toBeInstanceOf(RunAbandoned);
    expect(asked).toBe(0);
    late.abandon();
    time = 0;
    const held = hold();
    const writing = new BusJournal(bus, held).record('k', [entry]);
    await vi.waitFor(() => expect(asked).toBe(1));
    held.abandon();
    await expect(writing).rejects.toBeInstanceOf(RunAbandoned);
  });
});

describe('its computer', () => {
  it('is started once for all calls, and again when it stopped answering', async () => {
    const bus = new MemoryBus();
    let starts = 0;
    let answers = true;
    await bus.serve(sandbox.start, null, async ({ computer_id }) => { starts += 1; return { computer_id, state: 'ready' as const, started_at: null }; });
    await bus.serve(sandbox.follow, { computer_id: 'computer' }, async ({ offset }) => {
      if (!answers) throw new DeclaredError('UNAVAILABLE', 'It is stopped');
      return { state: 'unknown' as const, offset, text: '' };
    });
    const held = hold();
    const computer = new BusComputer(bus, held);
    await Promise.all([computer.start(), computer.start()]);
    await computer.follow('call', 0, 0);
    await computer.start();
    expect(starts).toBe(1);
    answers = false;
    await expect(computer.follow('call', 0, 0)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await computer.start();
    expect(starts).toBe(2);
    held.abandon();
  });

  it('starts nothing without a lease, and shows the newest grant', async () => {
    const bus = new MemoryBus();
    const grants: string[] = [];
    await bus.serve(sandbox.run, { computer_id: 'computer' }, async ({ grant }) => { grants.push(grant); return { state: 'running' as const, offset: 0, text: '' }; });
    const held = hold();
    const computer = new BusComputer(bus, held);
    held.renew(0, 1_000, 'second');
    await computer.run({ call_id: 'call', argv: ['true'], wait_ms: 0 });
    time = 1_001;
    await expect(computer.run({ call_id: 'call', argv: ['true'], wait_ms: 0 })).rejects.toBeInstanceOf(RunAbandoned);
    expect(grants).toEqual(['second']);
    held.abandon();
  });
});
