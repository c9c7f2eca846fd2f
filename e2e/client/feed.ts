import { createParser } from 'eventsource-parser';
import WebSocket from 'ws';
import type { Snapshot, TimelineEvent } from '@deskhand/contracts';

/** What a client receives: a snapshot, or an event, each with the cursor to come back with. */
export type Frame = ({ type: 'snapshot' } & Snapshot) | TimelineEvent;
export interface Received {
  frame: Frame;
  cursor: string;
  /** `performance.now()` when it was read. */
  at: number;
}

export interface FollowOptions {
  transport?: 'sse' | 'websocket';
  /** The cursor to go on from; without one a snapshot comes first. */
  after?: string;
  onFrame?: (received: Received) => void;
}

/** One connection. It ends when it is closed, cut, or the server goes away. */
export interface Feed {
  /** Resolves when the connection is over, however it ended. */
  ended: Promise<void>;
  close(): void;
}

export async function followSse(baseUrl: string, token: string, conversation: string, { after, onFrame }: FollowOptions): Promise<Feed> {
  const abort = new AbortController();
  const response = await fetch(`${baseUrl}/api/conversations/${conversation}/events`, {
    headers: { authorization: `Bearer ${token}`, accept: 'text/event-stream', ...(after !== undefined && { 'last-event-id': after }) }, signal: abort.signal,
  });
  if (!response.ok || response.body === null) throw new Error(`The event stream answered ${response.status}: ${await response.text()}`);
  const body = response.body;
  const parser = createParser({
    onEvent: ({ id, event, data }) => {
      if (abort.signal.aborted) return;
      const frame = JSON.parse(data) as Frame;
      if (frame.type !== event) throw new Error(`The event says ${event}, its data ${frame.type}`);
      onFrame?.({ frame, cursor: id ?? '', at: performance.now() });
    },
  });
  const decoder = new TextDecoder();
  const read = async () => {
    try {
      for await (const chunk of body) parser.feed(decoder.decode(chunk as Uint8Array, { stream: true }));
    } catch (error) {
      if (!abort.signal.aborted && !(error instanceof TypeError)) throw error;
    }
  };
  return { ended: read(), close: () => abort.abort() };
}

export async function followWebSocket(baseUrl: string, token: string, conversation: string, { after, onFrame }: FollowOptions): Promise<Feed> {
  const socket = new WebSocket(`${baseUrl.replace(/^http/, 'ws')}/api/ws`, { headers: { authorization: `Bearer ${token}` } });
  let closed = false;
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  const ended = new Promise<void>((resolve, reject) => {
    socket.once('close', () => resolve());
    socket.on('error', () => {});
    socket.on('message', (data: Buffer) => {
      if (closed) return;
      const { cursor, conversation_id, ...frame } = JSON.parse(data.toString()) as Frame & { cursor: string; conversation_id?: string };
      if ((frame as { type: string }).type === 'error') reject(new Error(`The socket answered: ${data.toString()}`));
      else onFrame?.({ frame: frame.type === 'approval-requested' ? ({ ...frame, conversation_id } as Frame) : (frame as Frame), cursor, at: performance.now() });
    });
  });
  socket.send(JSON.stringify({ type: 'subscribe', conversation_id: conversation, ...(after !== undefined && { after }) }));
  return {
    ended,
    close: () => {
      closed = true;
      socket.terminate();
    },
  };
}
