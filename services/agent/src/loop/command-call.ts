import type { Command, CommandOutcome, CommandView, JournalToolCall } from '@deskhand/contracts';
import type { CommandTool } from '../tools/tool.ts';
import { findCommand, followToEnd, killCommand, startCommand, type Started } from './command.ts';
import type { BlockWriter } from './ports.ts';
import { RunInterrupted } from './stop.ts';
import { endedWith, type EndedEntry, type Turn } from './turn.ts';

/** A call that is one command in the computer. */
export class CommandCall {
  constructor(private readonly call: JournalToolCall, private readonly tool: CommandTool, private readonly input: unknown, private readonly output: BlockWriter, private readonly turn: Turn) {}

  /** Starts the command and reads it to its end. */
  run(plan: Omit<Command, 'call_id'>): Promise<EndedEntry> {
    return this.watch(() => startCommand({ ...plan, call_id: this.call.tool_call_id }, this.turn.ports));
  }

  /** What a command came to that an earlier worker started: it is adopted when the computer still knows it. */
  adopt(): Promise<EndedEntry> {
    return this.watch(() => findCommand(this.call.tool_call_id, this.turn.ports));
  }

  private async watch(begin: () => Promise<Started>): Promise<EndedEntry> {
    const { call, tool, output, turn } = this;
    const place = { block: output.block, attempt: output.attempt };
    /** Output that came, whether it was shown or not. */
    let raw = '';
    const take = (text: string) => {
      raw += text;
      if (tool.streams) output.append(text);
    };
    try {
      const started = await begin();
      const ended = started.type === 'view' ? await followToEnd(call.tool_call_id, started.view, take, turn.ports) : started;
      if (ended.type !== 'view') {
        output.append(raw !== '' && tool.streams ? `\n${ended.words}` : ended.words);
        return endedWith(call.tool_call_id, output.finish(), { is_error: true, ...place, ...(ended.type === 'unknown' && { interrupted: true }) });
      }
      return this.conclude(raw, outcomeOf(ended.view));
    } catch (error) {
      if (!(error instanceof RunInterrupted)) throw error;
      take(await killCommand(call.tool_call_id, raw.length, turn.ports));
      return endedWith(call.tool_call_id, output.finish(), { is_error: true, interrupted: true, ...place });
    }
  }

  private conclude(raw: string, outcome: CommandOutcome): EndedEntry {
    const { call, tool, input, output } = this;
    const { text, ...conclusion } = tool.conclude(input, raw, outcome);
    output.append(text);
    return endedWith(call.tool_call_id, output.finish(), {
      is_error: conclusion.is_error,
      block: output.block,
      attempt: output.attempt,
      result: {
        duration_ms: Math.round(outcome.duration_ms),
        ...(conclusion.exit_code !== undefined && { exit_code: conclusion.exit_code }),
        ...(conclusion.display !== undefined && { display: conclusion.display }),
      },
    });
  }
}

function outcomeOf(view: CommandView): CommandOutcome {
  return view.outcome ?? { exit_code: null, signal: null, timed_out: false, killed: false, duration_ms: 0 };
}
