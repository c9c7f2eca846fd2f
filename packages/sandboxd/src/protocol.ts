/**
 * What a manager and the daemon of a computer say to each other over the control stream. Types only: requests come from
 * a manager that has checked them; a manager checks every answer before it passes it on.
 */
export const protocolVersion = 1;

export interface Hello {
  version: number;
  /** New with every start of the container: outcomes of another boot are gone. */
  boot: string;
  /** Whether a tool runner is connected. */
  runner: boolean;
}

export interface CommandRequest {
  call_id: string;
  argv: string[];
  stdin?: string;
  cwd?: string;
  environment?: Record<string, string>;
  timeout_ms: number;
  output_limit: number;
  descendants: 'keep' | 'kill';
}

export interface Outcome {
  exit_code: number | null;
  signal: string | null;
  timed_out: boolean;
  killed: boolean;
  duration_ms: number;
  contained?: string;
}

export interface View {
  state: 'running' | 'ended' | 'unknown';
  offset: number;
  text: string;
  outcome?: Outcome;
}

/** Something to show on the desktop: an address, a file, or a program with its arguments. */
export interface OpenRequest {
  folder: string;
  argv: string[];
}

/** Every request on the control stream, with its answer. */
export interface ControlRequests {
  /** Starts a call once and waits up to `wait_ms` for output or its end. `UNAVAILABLE`: certainly not started. */
  run: { body: CommandRequest & { wait_ms: number }; answer: View };
  follow: { body: { call_id: string; offset: number; wait_ms: number }; answer: View };
  /** Kills what is left of a call. `gone` is false when something survived 2.5 s, escalation included. */
  kill: { body: { call_id: string }; answer: { gone: boolean } };
  /** Kills every call that runs; their outcome says why. */
  contain: { body: { reason: string }; answer: { calls: number } };
  /** All processes of the tools' user have been ended from outside. */
  purged: { body: object; answer: object };
  /** Expects a tool runner that shows this secret; answers when it is connected, fails after five seconds. */
  'admit-runner': { body: { secret: string }; answer: object };
  /** Whether there is a session of the desktop and its screen is up; waits up to `wait_ms` for a screen that starts. */
  desktop: { body: { wait_ms: number }; answer: { session: boolean; up: boolean; starts: number } };
  /** Opens something on a desktop that runs. */
  open: { body: OpenRequest; answer: { problem: string | null } };
  /** The answer to an `open-wanted`. */
  opened: { body: { id: number; problem: string | null }; answer: object };
  /** How many calls have something that runs. */
  status: { body: object; answer: { runner: boolean; running: number; held: number } };
}
export type ControlVerb = keyof ControlRequests;

/** What the daemon tells the manager unasked. */
export type ControlEvent =
  | DesktopEvent
  /** A tool wants something shown on the desktop, and waits for `opened`. */
  | ({ type: 'open-wanted'; id: number } & OpenRequest)
  /** The tool runner is gone: start another one. */
  | { type: 'runner-lost' }
  /** Something of a call withstood its kill: end all processes of the tools' user by a fresh exec. */
  | { type: 'purge-wanted'; reason: string };

export type DesktopEvent =
  /** The screen came up for the n-th time, or is gone. */
  | { type: 'desktop'; up: boolean; starts: number }
  /** A program of the desktop ended. */
  | { type: 'program-ended'; program: string; exit_code: number | null; signal: number | null };

export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
  constructor(readonly code: 'UNAVAILABLE' | 'BAD_INPUT' | 'INTERNAL', message: string) {
    super(message);
  }
}

/** Bytes of a runner's secret as hexadecimal text. */
export const secretLength = 64;
