import type { BlockKind, Command, CommandView, DesktopAction, DesktopView, Image, McpServer, Message, RunEntry } from '@deskhand/contracts';
import type { CallResult, ImageType, ToolList } from '@deskhand/mcp';
import type { Models } from './model.ts';
import type { RunStop } from './stop.ts';

export interface Recorded {
  /** What the person said meanwhile. */
  steering: Message[];
  interrupt: boolean;
  /** A person drives the desktop: new calls wait. */
  driven?: boolean | undefined;
}

/** The truth about a run, seen by the worker that holds it. */
export interface Journal {
  /**
   * Commits entries together; resolves once they are stored. Repeats while the journal is away, with the same key, so
   * that nothing is stored twice. Throws `RunAbandoned` when the run is no longer held.
   */
  record(key: string, entries: RunEntry[]): Promise<Recorded>;
}

/** The conversation's computer. Every method throws `DeclaredError` as the contracts `sandbox` and `desktop` say. */
export interface Computer {
  /** Resolves when it takes commands; does nothing to one that does. */
  start(): Promise<void>;
  /** Throws `RunAbandoned` instead of asking when the lease is over. */
  run(command: Command & { wait_ms: number }): Promise<CommandView>;
  follow(callId: string, offset: number, waitMs: number): Promise<CommandView>;
  kill(callId: string): Promise<{ gone: boolean }>;
  /** Throws `RunAbandoned` instead of asking when the lease is over. */
  act(callId: string, action: DesktopAction): Promise<DesktopView>;
}

/** Pictures that tool results show. */
export interface Pictures {
  /** Their bytes in base64 by blob, of those that are still there. Never throws. */
  read(images: readonly Image[]): Promise<ReadonlyMap<string, string>>;
  /** Keeps a picture for the conversation; null when it is none of its type, or cannot be kept. Never throws. */
  keep(bytes: Buffer, type: ImageType): Promise<Image | null>;
}

/** MCP servers that are reached over HTTP. Every method throws `McpFailure`, and answers within a time of its own. */
export interface RemoteServers {
  tools(server: McpServer): Promise<ToolList>;
  /** Asks once, never again: whoever loses the answer does not know what the call did. */
  call(server: McpServer, tool: string, given: Readonly<Record<string, unknown>>, stopped: AbortSignal): Promise<CallResult>;
}

/** A growing block: everything appended is shown at once and saved about every second. */
export interface BlockWriter {
  readonly block: string;
  readonly attempt: number;
  readonly kind: BlockKind;
  /** All text so far. Never ends within a surrogate pair. */
  readonly text: string;
  append(text: string): void;
  /** Shows what was held back, and answers the whole text. */
  finish(): string;
}

export interface Blocks {
  open(block: { block: string; attempt: number; kind: BlockKind; tool_call_id?: string; step?: number }): BlockWriter;
  /** Forgets a block: what closes it is recorded. */
  close(block: string): void;
  /** Saves all open text of the run now. Fails silently: saving is an extra, not a promise. */
  save(): Promise<void>;
}

export interface Clock {
  /** Milliseconds, never going back. */
  now(): number;
  sleep(milliseconds: number): Promise<void>;
}

/** What a command in the computer needs. */
export interface CommandPorts {
  readonly computer: Pick<Computer, 'start' | 'run' | 'follow' | 'kill'>;
  readonly clock: Clock;
  readonly stop: RunStop;
  newId(): string;
}

/** All a run can reach. */
export interface RunPorts extends CommandPorts {
  readonly journal: Journal;
  readonly computer: Computer;
  readonly pictures: Pictures;
  readonly remoteServers: RemoteServers;
  readonly models: Models;
  readonly blocks: Blocks;
  /** A person's stop that the journal told of in an answer. */
  interrupt(): void;
}
