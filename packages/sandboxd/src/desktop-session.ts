import { connect, type Socket } from 'node:net';
import { encodeOpen, type NativeFrame, NativeReader } from './native-wire.ts';
import { type ControlRequests, type DesktopEvent, type OpenRequest, ProtocolError } from './protocol.ts';

const answerMs = 10_000;
const lookEveryMs = 20;

type Status = ControlRequests['desktop']['answer'];

/**
 * The session of the desktop's user, as its socket tells: whether its screen is up, which programs ended, and programs to
 * open. Everything on the other side may lie; what it says is only told, never followed.
 */
export class DesktopSession {
  #socket: Socket | null = null;
  #connecting: Promise<boolean> | null = null;
  #up = false;
  #starts = 0;
  #nextId = 1;
  #opening = new Map<number, (problem: string | null) => void>();

  constructor(private readonly path: string, private readonly tell: (event: DesktopEvent) => void) {}

  /** Where it stands; waits up to `waitMs` for the screen of a session that starts. */
  async status(waitMs: number): Promise<Status> {
    for (const limit = performance.now() + waitMs; ; ) {
      const session = await this.#connect();
      if (this.#up || performance.now() >= limit) return { session, up: this.#up, starts: this.#starts };
      await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
    }
  }

  /** What is wrong, or null when it was opened. */
  async open(request: OpenRequest): Promise<string | null> {
    if (!(await this.#connect())) throw new ProtocolError('UNAVAILABLE', 'The desktop is not running');
    const id = this.#nextId++;
    return new Promise((resolve) => {
      const done = (problem: string | null): void => {
        clearTimeout(impatience);
        this.#opening.delete(id);
        resolve(problem);
      };
      const impatience = setTimeout(() => done('The desktop does not answer'), answerMs);
      this.#opening.set(id, done);
      this.#socket?.write(encodeOpen(id, request));
    });
  }

  #connect(): Promise<boolean> {
    if (this.#socket) return Promise.resolve(true);
    this.#connecting ??= new Promise<boolean>((resolve) => {
      const socket = connect(this.path);
      socket.once('connect', () => {
        this.#socket = socket;
        resolve(true);
      });
      socket.once('close', () => {
        resolve(false);
        this.#closed(socket);
      });
      socket.on('error', () => undefined);
      this.#read(socket);
    }).finally(() => (this.#connecting = null));
    return this.#connecting;
  }

  #read(socket: Socket): void {
    const reader = new NativeReader();
    socket.on('data', (chunk: Buffer) => {
      try {
        for (const frame of reader.push(chunk)) this.#receive(frame);
      } catch {
        socket.destroy();
      }
    });
  }

  #receive(frame: NativeFrame): void {
    if (frame.type === 'up' || frame.type === 'down') {
      this.#up = frame.type === 'up';
      if (frame.type === 'up') this.#starts = frame.starts;
      this.tell({ type: 'desktop', up: this.#up, starts: this.#starts });
    } else if (frame.type === 'program-ended') {
      this.tell({ type: 'program-ended', program: frame.program, exit_code: frame.code, signal: frame.signal });
    } else if (frame.type === 'opened') {
      this.#opening.get(frame.id)?.(frame.problem);
    }
  }

  #closed(socket: Socket): void {
    if (this.#socket !== socket) return;
    this.#socket = null;
    this.#up = false;
    for (const done of [...this.#opening.values()]) done('The desktop has ended');
    this.tell({ type: 'desktop', up: false, starts: this.#starts });
  }
}
