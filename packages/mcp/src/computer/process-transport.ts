import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import type { JSONRPCMessage, Transport } from '@modelcontextprotocol/client';
import { mcpLimits } from '../formats.ts';
import { McpFailure, plain } from '../mcp-failure.ts';
import { killTree, markName } from './process-tree.ts';

/** Of this program's own environment, what any program may need; all else a server gets, its administrator named. */
const ofTheComputer = ['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'LANG', 'TERM'];
const keptComplaints = 1_500;

/**
 * A server as a process of its own group: one JSON message a line on its standard input and output, without a shell. A line
 * that is not JSON is passed over, one that has no end ends the server. `close` kills all that it started.
 */
export class ProcessTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: Transport['onmessage'];
  private child: ChildProcess | null = null;
  private readonly mark = randomUUID();
  private waiting: Buffer[] = [];
  private size = 0;
  private complaints = '';
  private over = false;

  constructor(private readonly command: string, private readonly args: readonly string[], private readonly variables: Readonly<Record<string, string>>) {}

  async start(): Promise<void> {
    const base = Object.fromEntries(ofTheComputer.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])));
    const child = spawn(this.command, [...this.args], { detached: true, shell: false, stdio: 'pipe', env: { ...base, ...this.variables, [markName]: this.mark } });
    this.child = child;
    child.stdin.on('error', () => {});
    child.stdout.on('data', (chunk: Buffer) => this.take(chunk));
    child.stderr.on('data', (chunk: Buffer) => { this.complaints = (this.complaints + chunk.toString('utf8')).slice(-keptComplaints); });
    child.once('close', (code, signal) => this.end(`It ended ${signal === null ? `with exit code ${code}` : `by signal ${signal}`}`));
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (error: NodeJS.ErrnoException) => reject(new McpFailure(error.code === 'ENOENT' ? `There is no program ${plain(this.command)} in the computer` : `It cannot be started: ${plain(error.message)}`, false)));
    });
  }

  async send(message: JSONRPCMessage): Promise<void> {
    if (this.over || this.child?.stdin?.writable !== true) throw new McpFailure('It has ended', false);
    this.child.stdin.write(`${JSON.stringify(message)}\n`);
  }

  async close(): Promise<void> {
    this.end(null);
  }

  private take(chunk: Buffer): void {
    for (let rest = chunk; ; ) {
      const end = rest.indexOf(10);
      const part = end < 0 ? rest : rest.subarray(0, end);
      this.size += part.length;
      if (this.size > mcpLimits.message) return this.end(`It sent a message of more than ${mcpLimits.message / 1024 / 1024} MB and was ended`);
      if (part.length > 0) this.waiting.push(part);
      if (end < 0) return;
      const line = Buffer.concat(this.waiting).toString('utf8').trim();
      this.waiting = [];
      this.size = 0;
      this.read(line);
      rest = rest.subarray(end + 1);
    }
  }

  private read(line: string): void {
    let message: unknown;
    try {
      message = JSON.parse(line);
    } catch {
      return;
    }
    if (typeof message !== 'object' || message === null) return;
    this.onmessage?.(message as JSONRPCMessage);
  }

  private end(words: string | null): void {
    if (this.over) return;
    this.over = true;
    if (words !== null) this.onerror?.(new McpFailure(`${words}${lastWords(this.complaints)}`, true));
    if (this.child?.pid !== undefined) killTree(this.child.pid, this.mark);
    this.onclose?.();
  }
}

/** What a server said on its standard error that tells most: the line that names an error, else its last words. */
function lastWords(complaints: string): string {
  const lines = complaints.split('\n').map((line) => line.trim()).filter((line) => line !== '');
  const telling = lines.find((line) => /^\w*(error|exception)\b/i.test(line)) ?? lines.slice(-3).join(' ');
  return telling === '' ? '' : `: ${plain(telling)}`;
}
