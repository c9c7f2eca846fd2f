import { randomBytes } from 'node:crypto';
import { getSystemErrorMap } from 'node:util';
import { Call } from './call.ts';
import type { NativeFrame, Start } from './native-wire.ts';
import type { OutcomeStore } from './outcome-store.ts';
import { Output } from './output.ts';
import { type CommandRequest, ProtocolError, type View } from './protocol.ts';

/** Starts calls on the tools' side. */
export interface Launcher {
  /** Resolves once the order is handed over; rejects with `UNAVAILABLE` when it certainly was not. */
  start(start: Start): Promise<void>;
  /** Nothing else helps: ends all processes of the tools' user, from outside. */
  purge(reason: string): void;
}

/** Environment of every command before its own additions. */
const environment = {
  PATH: '/home/agent/.local/bin:/usr/local/bin:/usr/bin:/bin', HOME: '/home/agent', USER: 'agent', LOGNAME: 'agent', SHELL: '/bin/bash', LANG: 'C.UTF-8', TERM: 'dumb', PWD: '/workspace',
};
const holderObeysMs = 1_000;
const purgeWorksMs = 1_500;
const holderReturnsMs = 3_000;
const keptOutcomes = 200;
const keptText = 8 * 1024 * 1024;

/** All calls of this computer, by the id their caller gave. */
export class Calls {
  #calls = new Map<string, Call>();
  #byToken = new Map<string, Call>();

  constructor(private readonly store: OutcomeStore, private readonly launcher: Launcher) {
    for (const record of store.load()) this.#restore(record);
  }

  get running(): number {
    return [...this.#calls.values()].filter((call) => !call.outcome).length;
  }

  get held(): number {
    return [...this.#calls.values()].filter((call) => call.held).length;
  }

  /** Starts a call unless it is known, and answers where it stands once there is something to tell. */
  async run(command: CommandRequest, waitMs: number): Promise<View> {
    let call = this.#calls.get(command.call_id);
    if (!call) {
      call = this.#register(command);
      try {
        await this.launcher.start({
          token: call.token, folder: command.cwd ?? '/workspace', argv: command.argv, stdin: command.stdin, killDescendants: command.descendants === 'kill',
          environment: { ...environment, ...command.environment },
        });
      } catch (error) {
        this.#forget(call);
        call.gone();
        throw error;
      }
      this.#setTimeout(call, command.timeout_ms);
      this.#expectHolder(call);
    }
    return call.follow(0, waitMs);
  }

  async follow(callId: string, offset: number, waitMs: number): Promise<View> {
    const call = this.#calls.get(callId);
    return call ? call.follow(offset, waitMs) : { state: 'unknown', offset, text: '' };
  }

  /** Kills what is left of a call; `gone` says whether that worked, with the last resort included. */
  async kill(callId: string): Promise<{ gone: boolean }> {
    const call = this.#calls.get(callId);
    if (!call) return { gone: true };
    if (!call.outcome) call.killed = true;
    return { gone: await this.#kill(call) };
  }

  /** Kills every running call for a reason of the computer. */
  contain(reason: string): number {
    const running = [...this.#calls.values()].filter((call) => !call.outcome);
    for (const call of running) {
      call.contained = reason;
      void this.#kill(call);
    }
    return running.length;
  }

  /** A process shows the token of a call. Returns what takes its frames, or null when the token is wrong or taken. */
  attach(token: string, kill: () => void): ((frame: NativeFrame) => void) | null {
    const call = this.#byToken.get(token);
    if (!call || call.kill || !call.held) return null;
    call.kill = kill;
    if (call.timedOut || call.killed || call.contained) kill();
    return (frame) => this.#receive(call, frame);
  }

  /** The connection of a call's holder ended. `expected` when it had said that nothing is left. */
  detach(token: string): void {
    const call = this.#byToken.get(token);
    if (!call?.held) return;
    call.kill = null;
    // The runner ends what a dead holder leaves and says so; when it is gone as well, only a purge is left.
    setTimeout(() => {
      if (call.held && !call.kill) this.launcher.purge('The process that held a command is gone');
    }, 300);
  }

  /** From the runner: it could not make a process for this call. */
  forkFailed(token: string, error: number): void {
    const call = this.#byToken.get(token);
    if (call) this.#notStarted(call, error, 'process');
  }

  /** All processes of this call are dead, but nobody saw how it ended. */
  lost(token: string): void {
    const call = this.#byToken.get(token);
    if (call) this.#end(call, null, 'SIGKILL', true);
  }

  /** After a purge: no process of the tools' user is left. */
  allLost(): void {
    for (const call of this.#calls.values()) if (call.held) this.#end(call, null, 'SIGKILL', true);
  }

  #register(command: CommandRequest): Call {
    const call = new Call(command.call_id, randomBytes(24).toString('base64url'), Date.now(), new Output(command.output_limit));
    this.store.save({ call_id: call.id, token: call.token, started_at: call.startedAt, output_limit: command.output_limit, timeout_ms: command.timeout_ms });
    this.#calls.set(call.id, call);
    this.#byToken.set(call.token, call);
    return call;
  }

  #restore(record: ReturnType<OutcomeStore['load']>[number]): void {
    const output = record.outcome ? Output.ended(record.text) : new Output(record.output_limit);
    if (!record.outcome) output.restore(record.text);
    const call = new Call(record.call_id, record.token, record.started_at, output);
    this.#calls.set(call.id, call);
    this.#byToken.set(call.token, call);
    call.outcome = record.outcome;
    if (record.outcome) {
      // What it left running may come back with its token; until then nothing of it can be said to run.
      setTimeout(() => call.kill ?? call.gone(), holderReturnsMs);
      return;
    }
    this.#setTimeout(call, Math.max(1, record.started_at + record.timeout_ms - Date.now()));
    this.#expectHolder(call);
  }

  #setTimeout(call: Call, ms: number): void {
    const timer = setTimeout(() => {
      if (call.outcome) return;
      call.timedOut = true;
      void this.#kill(call);
    }, ms);
    void call.isGone(ms + 10_000).then(() => clearTimeout(timer));
  }

  #expectHolder(call: Call): void {
    setTimeout(() => {
      if (call.held && !call.kill && !call.outcome) this.launcher.purge('A command was ordered and nothing holds it');
    }, holderReturnsMs);
  }

  async #kill(call: Call): Promise<boolean> {
    call.kill?.();
    if (await call.isGone(holderObeysMs)) return true;
    this.launcher.purge('A command withstood its kill');
    return call.isGone(purgeWorksMs);
  }

  #receive(call: Call, frame: NativeFrame): void {
    if (frame.type === 'output' && !call.outcome) {
      const shown = call.append(frame.bytes);
      if (shown.length > 0) this.store.appendText(call.id, shown);
    } else if (frame.type === 'exited') this.#end(call, frame.code, frame.signal, false);
    else if (frame.type === 'not-started') this.#notStarted(call, frame.error, frame.stage);
    else if (frame.type === 'gone') this.#end(call, null, 'SIGKILL', true);
  }

  #notStarted(call: Call, error: number, stage: 'folder' | 'program' | 'process'): void {
    const reason = getSystemErrorMap().get(-error)?.[1] ?? `error ${error}`;
    const what = { folder: 'The working directory cannot be entered', program: 'The program cannot be started', process: 'No process could be started' }[stage];
    if (stage === 'process') call.contained = 'The computer has reached its limit of processes or memory; no more could be started.';
    call.append(Buffer.from(`${what}: ${reason}\n`));
    this.#end(call, stage === 'program' && error === 2 ? 127 : 126, null, true);
  }

  /** Ends it unless it has ended; `gone` when nothing of it is left. */
  #end(call: Call, code: number | null, signal: number | string | null, gone: boolean): void {
    if (call.end(code, signal)) {
      this.store.save({
        call_id: call.id, token: call.token, started_at: call.startedAt, output_limit: 0, timeout_ms: 0, text: call.output.text, outcome: call.outcome,
      });
      this.#prune();
    }
    if (!gone) return;
    call.gone();
    this.#byToken.delete(call.token);
  }

  /** Old outcomes go, those that nothing holds first; the newest stay within a share of memory. */
  #prune(): void {
    const ended = [...this.#calls.values()].filter((call) => call.outcome && !call.held);
    let text = ended.reduce((sum, call) => sum + call.output.text.length, 0);
    let count = ended.length;
    for (const call of ended) {
      if (count <= keptOutcomes && text <= keptText) return;
      text -= call.output.text.length;
      count--;
      this.#forget(call);
    }
  }

  #forget(call: Call): void {
    this.#calls.delete(call.id);
    this.#byToken.delete(call.token);
    this.store.remove(call.id);
  }
}

export const runnerMissing = (): ProtocolError => new ProtocolError('UNAVAILABLE', 'The tool runner of this computer is not running');
