import type { ComputerState, EndReason, Message, RunView } from '@deskhand/contracts';
import type { FeedEvent } from '../feed/merger.ts';

/** What one run has shown so far. */
interface RunSoFar {
  text: string;
  /** Words that came before the results they follow: deltas are faster than what is stored. */
  held: string;
  steps: number;
  messageId: string | null;
  usage: { prompt: number; completion: number; calls: number };
}

export type FirstClientEvent = { type: string } & Record<string, unknown>;

/** How a run's end is told; `complete` is given apart, when its usage is known. */
const errorOfReason: Readonly<Record<Exclude<EndReason, 'completed'>, { code: string; message: string }>> = {
  interrupted: { code: 'cancelled', message: 'Cancelled' },
  failed: { code: 'agent_error', message: 'The agent failed' },
  budget: { code: 'agent_error', message: 'The budget is used up' },
  'step-limit': { code: 'max_iterations', message: 'The agent reached its step limit' },
  stuck: { code: 'agent_error', message: 'The agent went in circles and was stopped' },
};

const statusOfState: Readonly<Record<ComputerState, string>> = {
  none: 'not_running', starting: 'starting', ready: 'connected', paused: 'connected', stopping: 'disconnected', stopped: 'not_running', failed: 'disconnected',
};

/** Tells a conversation's feed in the words of the API's first clients. Pure: what is to be sent is returned. */
export class FirstClientEvents {
  private readonly runs = new Map<string, RunSoFar>();
  private readonly calls = new Map<string, { run: string; name: string; arguments: unknown; told: boolean }>();

  /** The run that works, or the first that waits. */
  get currentRun(): string | null {
    return this.runs.keys().next().value ?? null;
  }

  take(event: FeedEvent): FirstClientEvent[] {
    switch (event.type) {
      case 'snapshot':
        return this.start(event.messages, event.runs, event.open_blocks.filter(({ kind }) => kind === 'text'), event.computer);
      case 'text-delta':
        return this.words(event.run_id, event.text);
      case 'message-added':
        return this.message(event.message);
      case 'run-started':
        this.run(event.run_id);
        return [];
      case 'tool-call-started':
        return this.call(event.run_id, event.tool_call_id, event.name, event.arguments);
      case 'tool-call-ended': {
        const call = this.calls.get(event.tool_call_id);
        const first = call?.told === true ? [] : this.call(event.run_id, event.tool_call_id, event.name, call?.arguments ?? {});
        this.calls.delete(event.tool_call_id);
        return [...first, { type: 'tool_result', tool_call_id: event.tool_call_id, result: event.result.output, is_error: event.is_error }, ...this.release(event.run_id)];
      }
      case 'approval-requested':
        return [{ type: 'approval_requested', approval_id: event.approval_id, tool_call_id: event.tool_call_id, tool_name: event.name, tool_input: event.arguments }];
      case 'usage-recorded': {
        const { usage } = this.run(event.run_id);
        usage.prompt += event.input_tokens;
        usage.completion += event.output_tokens;
        usage.calls++;
        return [];
      }
      case 'computer-changed':
        return [statusOf(event)];
      case 'run-ended': {
        this.forgetCalls(event.run_id);
        if (event.reason === 'completed') return this.release(event.run_id);
        const words = this.release(event.run_id);
        this.runs.delete(event.run_id);
        const { code, message } = errorOfReason[event.reason];
        return [...words, { type: 'error', code, message: event.error ?? message }];
      }
      default:
        return [];
    }
  }

  /** Whether the usage of every step of a run has been told; it may come after the run's end. */
  knowsUsage(runId: string): boolean {
    const run = this.runs.get(runId);
    return run === undefined || run.usage.calls >= run.steps;
  }

  /** The last word about a completed run: all of its text, as the deltas gave it. */
  complete(runId: string): FirstClientEvent[] {
    const run = this.runs.get(runId);
    this.runs.delete(runId);
    if (run === undefined) return [];
    return [{ type: 'complete', content: run.text, token_usage: { prompt: run.usage.prompt, completion: run.usage.completion }, message_id: run.messageId }];
  }

  private start(messages: readonly Message[], runs: readonly RunView[], open: readonly { run_id: string; text: string }[], computer: { state: ComputerState; step?: string; error?: string } | null): FirstClientEvent[] {
    for (const { id, state } of runs) if (state !== 'ended') this.run(id);
    for (const message of messages) {
      const run = message.run_id === null ? undefined : this.runs.get(message.run_id);
      if (run !== undefined && message.role === 'assistant') this.note(run, message, true);
      for (const block of message.blocks) if (block.type === 'tool_result') this.calls.delete(block.tool_call_id);
    }
    const deltas = open.map(({ run_id, text }) => {
      this.run(run_id).text += text;
      return { type: 'assistant_delta', delta: text };
    });
    return [statusOf(computer ?? { state: 'none' }), ...deltas.filter(({ delta }) => delta !== '')];
  }

  private message(message: Message): FirstClientEvent[] {
    if (message.run_id === null) return [];
    const run = this.run(message.run_id);
    if (message.role !== 'assistant') return [];
    this.note(run, message, false);
    // What was never streamed comes whole.
    const unstreamed = message.blocks.flatMap((block) => (block.type === 'text' && block.block === undefined && block.text !== '' ? [block.text] : []));
    return unstreamed.map((text) => {
      run.text += text;
      return { type: 'assistant_delta', delta: text };
    });
  }

  private note(run: RunSoFar, message: Message, isNew: boolean): void {
    run.messageId = message.id;
    run.steps++;
    // Text that came as deltas is there already.
    if (isNew) run.text += message.content;
    for (const block of message.blocks) if (block.type === 'tool_call') this.calls.set(block.tool_call_id, { run: message.run_id as string, name: block.name, arguments: block.arguments, told: false });
  }

  /** Words of a step follow all results of the step before it. */
  private words(runId: string, text: string): FirstClientEvent[] {
    const run = this.run(runId);
    run.text += text;
    run.held += text;
    return this.release(runId);
  }

  private release(runId: string): FirstClientEvent[] {
    const run = this.runs.get(runId);
    if (run === undefined || run.held === '' || [...this.calls.values()].some((call) => call.run === runId)) return [];
    const delta = run.held;
    run.held = '';
    return [{ type: 'assistant_delta', delta }];
  }

  private forgetCalls(runId: string): void {
    for (const [id, call] of this.calls) if (call.run === runId) this.calls.delete(id);
  }

  private call(run: string, id: string, name: string, given: unknown): FirstClientEvent[] {
    this.calls.set(id, { run, name, arguments: given, told: true });
    return [{ type: 'tool_call', tool_call_id: id, tool_name: name, tool_input: given }];
  }

  private run(id: string): RunSoFar {
    let run = this.runs.get(id);
    if (run === undefined) this.runs.set(id, (run = { text: '', held: '', steps: 0, messageId: null, usage: { prompt: 0, completion: 0, calls: 0 } }));
    return run;
  }
}

function statusOf({ state, step, error }: { state: ComputerState; step?: string; error?: string }): FirstClientEvent {
  return { type: 'container_status', status: statusOfState[state], message: error ?? step ?? `The computer is ${state === 'none' ? 'not started yet' : state}` };
}
