import { DeclaredError, type Command, type CommandOutcome, type CommandView, type DesktopAction, type DesktopView } from '@deskhand/contracts';
import type { Computer } from '../../src/loop/ports.ts';

export interface FakeCommand {
  command: Command;
  /** Parts of output that have not come yet. */
  parts: string[];
  output: string;
  outcome: CommandOutcome | null;
}

export interface CommandScript {
  parts: string[];
  exit_code?: number;
  /** Never ends by itself. */
  hangs?: boolean;
  /** Milliseconds between two parts. */
  pace?: number;
}

/** A computer that keeps the outcome of a command or a desktop action under its call, and counts what really ran. */
export class FakeComputer implements Computer {
  readonly commands = new Map<string, FakeCommand>();
  /** How often each call took effect, whatever the computer still knows of it. */
  readonly executions = new Map<string, number>();
  readonly killed: string[] = [];
  /** What was done on the desktop, in order. */
  readonly acted: DesktopAction[] = [];
  /** A person drives the desktop. */
  driven = false;
  /** Outcomes of actions by call; null where the outcome was lost. */
  private readonly views = new Map<string, DesktopView | null>();
  starts = 0;
  /** Makes the next request of that kind fail before, or after it took effect, and perhaps the computer restart with it. */
  readonly faults: { of: 'start' | 'run' | 'follow' | 'kill' | 'act'; when: 'before' | 'after'; error: DeclaredError; forgets?: boolean }[] = [];

  constructor(private readonly script: (command: Command) => CommandScript, private readonly screen: (action: DesktopAction, count: number) => Omit<DesktopView, 'state'> = picture) {}

  async start(): Promise<void> {
    this.fail('start', 'before');
    this.starts += 1;
    this.fail('start', 'after');
  }

  async run(command: Command & { wait_ms: number }): Promise<CommandView> {
    this.fail('run', 'before');
    if (!this.commands.has(command.call_id)) {
      const { parts, exit_code = 0, hangs = false } = this.script(command);
      this.executions.set(command.call_id, (this.executions.get(command.call_id) ?? 0) + 1);
      this.commands.set(command.call_id, { command, parts: hangs ? [...parts, ''] : [...parts], output: '', outcome: parts.length === 0 && !hangs ? outcome(exit_code) : null });
    }
    this.fail('run', 'after');
    return this.view(command.call_id, 0);
  }

  async follow(callId: string, offset: number): Promise<CommandView> {
    this.fail('follow', 'before');
    const command = this.commands.get(callId);
    if (command === undefined) return { state: 'unknown', offset, text: '' };
    const { pace } = this.script(command.command);
    if (pace !== undefined) await new Promise((resolve) => setTimeout(resolve, pace));
    const next = command.parts[0];
    const hanging = next === '' && command.parts.length === 1;
    if (next !== undefined && command.outcome === null && !hanging) {
      command.output += next;
      command.parts.shift();
      if (command.parts.length === 0) command.outcome = outcome(this.script(command.command).exit_code ?? 0);
    }
    // A long poll that finds nothing lets time pass.
    if (command.outcome === null && command.output.length <= offset) await new Promise((resolve) => setTimeout(resolve, 1));
    this.fail('follow', 'after');
    return this.view(callId, offset);
  }

  async kill(callId: string): Promise<{ gone: boolean }> {
    this.fail('kill', 'before');
    this.killed.push(callId);
    const command = this.commands.get(callId);
    if (command !== undefined && command.outcome === null) command.outcome = { ...outcome(null), signal: 'SIGKILL', killed: true };
    return { gone: true };
  }

  async act(callId: string, action: DesktopAction): Promise<DesktopView> {
    this.fail('act', 'before');
    const known = this.views.get(callId);
    if (known !== undefined) return known ?? { state: 'unknown' };
    if (this.driven) return { state: 'driven' };
    const view: DesktopView = { state: 'done', ...this.screen(action, this.acted.length) };
    this.acted.push(action);
    this.executions.set(callId, (this.executions.get(callId) ?? 0) + 1);
    this.views.set(callId, view);
    this.fail('act', 'after');
    return view;
  }

  /** Everything that ran is gone, and nothing is known of it. */
  restart(): void {
    this.commands.clear();
    for (const callId of this.views.keys()) this.views.set(callId, null);
  }

  private view(callId: string, offset: number): CommandView {
    const command = this.commands.get(callId) as FakeCommand;
    const text = command.output.slice(offset);
    return command.outcome === null ? { state: 'running', offset, text } : { state: 'ended', offset, text, outcome: command.outcome };
  }

  private fail(of: FakeComputer['faults'][number]['of'], when: 'before' | 'after'): void {
    const index = this.faults.findIndex((fault) => fault.of === of && fault.when === when);
    if (index < 0) return;
    const [fault] = this.faults.splice(index, 1);
    if (fault!.forgets === true) this.restart();
    throw fault!.error;
  }
}

/** A picture of its own after every action. */
function picture(_: DesktopAction, count: number): Omit<DesktopView, 'state'> {
  return { settle: 'settled', image: { blob: `picture-${count}`, media_type: 'image/jpeg', width: 1_280, height: 800 }, duration_ms: 120 };
}

function outcome(exitCode: number | null): CommandOutcome {
  return { exit_code: exitCode, signal: null, timed_out: false, killed: false, duration_ms: 3 };
}
