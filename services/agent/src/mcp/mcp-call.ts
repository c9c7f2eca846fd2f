import { DeclaredError, type Image, type JournalToolCall, type ToolResult } from '@deskhand/contracts';
import { McpFailure, type ImageType } from '@deskhand/mcp';
import { findCommand, followToEnd, killCommand, startCommand, type Started } from '../loop/command.ts';
import type { BlockWriter } from '../loop/ports.ts';
import { RunInterrupted, unlessAbandoned, unlessStopped } from '../loop/stop.ts';
import { endedWith, type EndedEntry, type Turn } from '../loop/turn.ts';
import { words } from '../loop/words.ts';
import type { McpTool } from '../tools/tool.ts';
import { callAnswer, callCommand, fitsCommand, pictureInComputer } from './computer-servers.ts';

/** What is left of a call after its server answered. */
interface Answer {
  text: string;
  is_error: boolean;
  /** It may have taken effect, and nobody knows. */
  interrupted?: boolean;
  images: Image[];
}

/** Time for the manager to end a server of a call that a person stopped. */
const breakOffMs = 2_500;

/** A call of a tool of an MCP server: a command in the computer, or a request to a server elsewhere. */
export class McpCall {
  private readonly begun: number;

  constructor(private readonly call: JournalToolCall, private readonly tool: McpTool, private readonly input: Readonly<Record<string, unknown>>, private readonly output: BlockWriter, private readonly turn: Turn) {
    this.begun = turn.ports.clock.now();
  }

  /** Words when it cannot be run. Brings a server inside the computer up. */
  static async prepare(tool: McpTool, input: Readonly<Record<string, unknown>>, { ports, toolbox }: Turn): Promise<string | null> {
    if (!fitsCommand(input)) return words.tooLongArguments;
    if (tool.server.transport !== 'stdio') return null;
    try {
      await unlessStopped(toolbox.wake(tool.server), ports.stop);
      return null;
    } catch (error) {
      if (error instanceof McpFailure) return words.serverNotAvailable(tool.server.name, error.message);
      throw error;
    }
  }

  run(): Promise<EndedEntry> {
    const { call, tool, input, turn } = this;
    const command = callCommand(tool.server, tool.tool ?? '', input);
    return this.ended(async () => (tool.server.transport === 'stdio' ? this.inComputer(await startCommand({ ...command, call_id: call.tool_call_id }, turn.ports)) : this.elsewhere()));
  }

  /** What a call came to that an earlier worker started: the computer may know; a server elsewhere is never asked twice. */
  adopt(): Promise<EndedEntry> {
    const { call, tool, turn } = this;
    return this.ended(async () => (tool.server.transport === 'stdio' ? this.inComputer(await findCommand(call.tool_call_id, turn.ports)) : { text: words.unknownEffect, is_error: true, interrupted: true, images: [] }));
  }

  private async ended(work: () => Promise<Answer>): Promise<EndedEntry> {
    const { call, tool, output, turn } = this;
    const place = { block: output.block, attempt: output.attempt };
    try {
      const { text, images, ...facts } = await work();
      output.append(text);
      const result: Partial<ToolResult> = { duration_ms: Math.round(turn.ports.clock.now() - this.begun), display: { server: tool.server.name, ...(tool.tool !== null && { tool: tool.tool }) }, ...(images.length > 0 && { images }) };
      return endedWith(call.tool_call_id, output.finish(), { ...facts, ...place, result });
    } catch (error) {
      if (!(error instanceof RunInterrupted)) throw error;
      if (tool.server.transport === 'stdio') await this.breakOff();
      return endedWith(call.tool_call_id, output.finish(), { is_error: true, interrupted: true, ...place });
    }
  }

  private async inComputer(started: Started): Promise<Answer> {
    const { call, tool, turn } = this;
    let raw = '';
    const ended = started.type === 'view' ? await followToEnd(call.tool_call_id, started.view, (text) => { raw += text; }, turn.ports) : started;
    if (ended.type !== 'view') return { text: ended.words, is_error: true, ...(ended.type === 'unknown' && { interrupted: true }), images: [] };
    const answer = callAnswer(raw, ended.view.outcome);
    if (answer.type === 'problem') return this.failed(answer.message, answer.ran);
    const notes: string[] = [];
    const images: Image[] = [];
    for (const [index, image] of answer.images.entries()) {
      const bytes = await pictureInComputer(call.tool_call_id, index, image, turn.ports);
      const kept = bytes === null ? null : await this.keep(bytes, image.media_type);
      if (kept === null) notes.push(words.pictureLost);
      else images.push(kept);
    }
    return { text: [answer.text, ...notes].filter((part) => part !== '').join('\n') || (images.length > 0 ? words.onlyPictures(tool.server.name) : ''), is_error: answer.is_error, images };
  }

  private async elsewhere(): Promise<Answer> {
    const { tool, input, turn: { ports } } = this;
    const stopped = new AbortController();
    try {
      const { text, is_error, images } = await unlessStopped(ports.remoteServers.call(tool.server, tool.tool ?? '', input, stopped.signal), ports.stop);
      const kept = await Promise.all(images.map(async ({ bytes, media_type }) => this.keep(bytes, media_type)));
      const shown = kept.filter((image) => image !== null);
      const notes = kept.length > shown.length ? [words.pictureLost] : [];
      return { text: [text, ...notes].filter((part) => part !== '').join('\n') || (shown.length > 0 ? words.onlyPictures(tool.server.name) : ''), is_error, images: shown };
    } catch (error) {
      if (error instanceof McpFailure) return this.failed(error.message, error.ran);
      throw error;
    } finally {
      stopped.abort();
    }
  }

  private failed(message: string, ran: boolean): Answer {
    const { server } = this.tool;
    return { text: ran ? words.serverFailed(server.name, message) : words.serverRefused(server.name, message), is_error: true, ...(ran && { interrupted: true }), images: [] };
  }

  private keep(bytes: Buffer, type: ImageType): Promise<Image | null> {
    return this.turn.ports.pictures.keep(bytes, type);
  }

  /** The command goes, and the server with all that it started: what it still does for this call must end. */
  private async breakOff(): Promise<void> {
    const { call, tool, turn: { ports, toolbox } } = this;
    const starter = toolbox.starterOf(tool.server);
    const quietly = (error: unknown) => { if (!(error instanceof DeclaredError)) throw error; };
    const server = starter === undefined ? Promise.resolve() : ports.computer.kill(starter).then(() => {}, quietly);
    await unlessAbandoned(Promise.all([killCommand(call.tool_call_id, 0, ports), Promise.race([server, ports.clock.sleep(breakOffMs)])]), ports.stop);
  }
}
