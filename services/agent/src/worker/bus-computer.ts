import { DeclaredError, desktop, sandbox, type Command, type CommandView, type DesktopAction, type DesktopView } from '@deskhand/contracts';
import type { Bus } from '@deskhand/platform';
import type { Computer } from '../loop/ports.ts';
import { RunAbandoned } from '../loop/stop.ts';

/** Milliseconds for what a desktop does at once, and that typing a character may take. */
const quickMs = 6_000;
const typedMs = 5;

/** How long an action may take before its manager counts as dead; the bus waits for the longest one, whatever is asked. */
function answerWithin(action: DesktopAction): number {
  if (action.action === 'wait' || action.action === 'hold_key') return quickMs + action.duration_ms;
  return action.action === 'type' ? quickMs + typedMs * action.text.length : quickMs;
}

async function soonEnough<Answer>(answer: Promise<Answer>, milliseconds: number): Promise<Answer> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DeclaredError('TIMEOUT', 'The desktop took too long')), milliseconds);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Whose computer it is, as long as it may be used. */
export interface ComputerHolder {
  readonly held: boolean;
  readonly grant: string;
  readonly run: { computer_id: string; conversation_id: string; user_id: string };
}

/** The run's computer behind the bus. */
export class BusComputer implements Computer {
  /** Set while it is known to take commands; calls that run side by side wait for one start. */
  private started: Promise<void> | null = null;

  constructor(private readonly bus: Bus, private readonly held: ComputerHolder) {}

  start(): Promise<void> {
    if (this.started === null) {
      const { conversation_id, user_id } = this.held.run;
      const starting = this.bus.request(sandbox.start, { ...this.address(), conversation_id, user_id }).then(() => {});
      starting.catch(() => { if (this.started === starting) this.started = null; });
      this.started = starting;
    }
    return this.started;
  }

  async run(command: Command & { wait_ms: number }): Promise<CommandView> {
    if (!this.held.held) throw new RunAbandoned();
    return this.ask(async () => this.bus.request(sandbox.run, { ...this.address(), ...command }));
  }

  async follow(callId: string, offset: number, waitMs: number): Promise<CommandView> {
    return this.ask(async () => this.bus.request(sandbox.follow, { ...this.address(), call_id: callId, offset, wait_ms: waitMs }));
  }

  async kill(callId: string): Promise<{ gone: boolean }> {
    return this.ask(async () => this.bus.request(sandbox.kill, { ...this.address(), call_id: callId }));
  }

  async act(callId: string, action: DesktopAction): Promise<DesktopView> {
    if (!this.held.held) throw new RunAbandoned();
    const { conversation_id } = this.held.run;
    return this.ask(async () => soonEnough(this.bus.request(desktop.act, { ...this.address(), conversation_id, call_id: callId, action }), answerWithin(action)));
  }

  private address(): { computer_id: string; grant: string } {
    return { computer_id: this.held.run.computer_id, grant: this.held.grant };
  }

  /** A computer that does not answer may have stopped: the next start asks anew. */
  private async ask<Answer>(request: () => Promise<Answer>): Promise<Answer> {
    try {
      return await request();
    } catch (error) {
      if (error instanceof DeclaredError && (error.code === 'UNAVAILABLE' || error.code === 'TIMEOUT')) this.started = null;
      throw error;
    }
  }
}
