import { decodeCursor, DeclaredError, encodeCursor, newId } from '@deskhand/contracts';
import { describeIssues, withRequest, type Bus, type Log } from '@deskhand/platform';
import { WebSocket, type RawData } from 'ws';
import type { ConversationFeeds } from '../feed/conversation-feeds.ts';
import type { Caller } from '../identity/caller.ts';
import { clientFrame, type ClientFrame } from './client-frames.ts';
import { FirstClientChat } from './first-client-chat.ts';
import type { ListHints } from './list-hints.ts';
import type { OpenStream, StreamEnd } from './open-streams.ts';
import { Outlet } from './outlet.ts';

export interface SocketServices {
  feeds: ConversationFeeds;
  hints: ListHints;
  bus: Bus;
  log: Log;
}

/** Conversations that one socket may follow at once. */
const maximumSubscriptions = 64;
/** Frames of one client that are worked on at once; more are read when these are done. */
const framesAtOnce = 32;

/** One client's WebSocket: any number of conversations, the list's hints, and the chat of the API's first clients. */
export class ClientSocket implements OpenStream {
  private readonly outlet: Outlet;
  private readonly subscriptions = new Map<string, () => void>();
  private readonly chat: FirstClientChat;
  private stopHints: (() => void) | null = null;
  private isAlive = true;
  private working = 0;

  constructor(private readonly socket: WebSocket, readonly caller: Caller, private readonly services: SocketServices) {
    this.outlet = new Outlet({ write: (text) => socket.send(text, () => {}), buffered: () => socket.bufferedAmount, cut: () => socket.terminate() });
    this.chat = new FirstClientChat(caller.userId, services, this.outlet);
    socket.on('message', (data, isBinary) => void this.receive(data, isBinary));
    socket.on('pong', () => { this.isAlive = true; });
    socket.on('error', () => socket.terminate());
    socket.on('close', () => this.cleanUp());
  }

  beat(): void {
    // A client that is behind cannot answer yet; how long it may be is the outlet's matter.
    if (this.outlet.isFull()) return;
    if (!this.isAlive) return this.socket.terminate();
    this.isAlive = false;
    this.socket.ping();
  }

  close(reason: StreamEnd): void {
    if (reason === 'revoked') this.socket.close(4_401, 'The session has ended');
    else this.socket.close(1_012, 'The server is restarting');
    this.cleanUp();
    setTimeout(() => this.socket.terminate(), 2_000).unref();
  }

  private async receive(data: RawData, isBinary: boolean): Promise<void> {
    this.isAlive = true;
    if (++this.working >= framesAtOnce) this.socket.pause();
    try {
      await withRequest({ requestId: newId() }, async () => this.handle(readFrame(data, isBinary)));
    } catch (error) {
      this.complain(error);
    } finally {
      if (this.working-- >= framesAtOnce) this.socket.resume();
    }
  }

  private async handle(frame: ClientFrame): Promise<void> {
    switch (frame.type) {
      case 'ping':
        return this.give({ type: 'pong' });
      case 'subscribe':
        return this.subscribe(frame.conversation_id, frame.after ?? null);
      case 'unsubscribe':
        return this.unsubscribe(frame.conversation_id);
      case 'subscribe-list':
        this.stopHints ??= this.services.hints.follow(this.caller.userId, (hint) => this.give(hint));
        return;
      default:
        return this.chat.handle(frame);
    }
  }

  private async subscribe(conversation_id: string, after: string | null): Promise<void> {
    this.unsubscribe(conversation_id);
    let close: (() => void) | null = null;
    try {
      if (this.subscriptions.size >= maximumSubscriptions) throw new DeclaredError('RATE_LIMITED', `More than ${maximumSubscriptions} subscriptions on one connection`);
      const cursor = after === null || after === '' ? null : decodeCursor(after);
      if (cursor === null && after) throw new DeclaredError('BAD_INPUT', 'This is no cursor: give the one of a frame, unchanged');
      const end = (reason: unknown): void => {
        if (close !== null && this.subscriptions.get(conversation_id) === close) this.unsubscribe(conversation_id);
        this.complain(reason, conversation_id);
      };
      const feed = this.services.feeds.open(this.caller.userId, conversation_id, cursor, {
        begin: () => {},
        send: (event, place) => this.give({ ...event, conversation_id, cursor: encodeCursor(place) }),
        isFull: () => this.outlet.isFull(),
        drained: async () => this.outlet.drained(),
        end,
      });
      close = feed.close;
      this.subscriptions.set(conversation_id, close);
      await feed.opened;
    } catch (error) {
      // One that was replaced meanwhile has nothing to say any more.
      if (close !== null && this.subscriptions.get(conversation_id) !== close) return;
      this.unsubscribe(conversation_id);
      this.complain(error, conversation_id);
    }
  }

  private unsubscribe(conversationId: string): void {
    this.subscriptions.get(conversationId)?.();
    this.subscriptions.delete(conversationId);
  }

  private complain(error: unknown, conversation_id?: string): void {
    if (!(error instanceof DeclaredError)) this.services.log.error('A WebSocket frame could not be handled', { error });
    const { code, message } = error instanceof DeclaredError ? error : { code: 'INTERNAL', message: 'Something went wrong inside; it is in the log' };
    this.give({ type: 'error', code, message, ...(conversation_id !== undefined && { conversation_id }) });
  }

  private give(frame: object): void {
    if (this.socket.readyState === WebSocket.OPEN) this.outlet.write(JSON.stringify(frame));
  }

  private cleanUp(): void {
    this.outlet.close();
    for (const close of this.subscriptions.values()) close();
    this.subscriptions.clear();
    this.stopHints?.();
    this.stopHints = null;
    this.chat.close();
  }
}

function readFrame(data: RawData, isBinary: boolean): ClientFrame {
  if (isBinary) throw new DeclaredError('BAD_INPUT', 'Frames are JSON text');
  let value: unknown;
  try {
    value = JSON.parse((data as Buffer).toString('utf8'));
  } catch {
    throw new DeclaredError('BAD_INPUT', 'Frames are JSON text');
  }
  const frame = clientFrame.safeParse(value);
  if (!frame.success) throw new DeclaredError('BAD_INPUT', describeIssues(frame.error.issues));
  return frame.data;
}
