import { Controller, Res } from '@nestjs/common';
import { api, decodeCursor, DeclaredError, encodeCursor, type Cursor } from '@deskhand/contracts';
import type { FastifyReply } from 'fastify';
import { ConversationFeeds } from '../feed/conversation-feeds.ts';
import { Ask, Handles, type Asked } from '../http/handles.ts';
import { OpenStreams } from './open-streams.ts';
import { Outlet } from './outlet.ts';

/** A conversation's feed as server-sent events, for programs; the web app uses the WebSocket. */
@Controller()
export class EventsController {
  constructor(private readonly feeds: ConversationFeeds, private readonly streams: OpenStreams) {}

  @Handles(api.events)
  async events(@Ask() { caller, params, query, request }: Asked<typeof api.events>, @Res() reply: FastifyReply): Promise<void> {
    const cursor = cursorOf(request.headers['last-event-id'], query.after);
    const { raw } = reply;
    if (request.method === 'HEAD') throw new DeclaredError('METHOD_NOT_ALLOWED', 'HEAD is not possible here', { allowed: ['GET'] });
    const outlet = new Outlet({ write: (text) => raw.write(text), buffered: () => raw.writableLength, cut: () => raw.destroy() });
    let begun = false;
    const finish = (): void => {
      stop();
      if (begun) raw.end();
    };
    const remove = this.streams.add({ caller, beat: () => { if (begun) outlet.write(': alive\n\n'); }, close: finish });
    const feed = this.feeds.open(caller.userId, params.id!, cursor, {
      begin: () => {
        begun = true;
        reply.hijack();
        raw.writeHead(200, { ...(reply.getHeaders() as Record<string, string>), ...streamHeaders });
        raw.flushHeaders();
      },
      send: (event, place) => outlet.write(`id: ${encodeCursor(place)}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`),
      isFull: () => outlet.isFull(),
      drained: async () => outlet.drained(),
      end: finish,
    });
    function stop(): void {
      feed.close();
      outlet.close();
      remove();
    }
    raw.on('close', stop);
    raw.on('error', stop);
    try {
      await feed.opened;
    } catch (error) {
      stop();
      if (!begun) throw error;
      raw.end();
    }
    // Closed before it began: by the server, or by a client that is gone anyway.
    if (!begun && !reply.sent) throw new DeclaredError('UNAVAILABLE', 'The stream was closed');
  }
}

const streamHeaders = { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache, no-transform', 'x-accel-buffering': 'no', connection: 'keep-alive' };

/** Where to go on: what a reconnecting client sends by itself wins over the address it first asked. Null: from a snapshot. */
function cursorOf(lastEventId: string | string[] | undefined, after: string | undefined): Cursor | null {
  const text = (typeof lastEventId === 'string' ? lastEventId : '') || after || '';
  if (text === '') return null;
  const cursor = decodeCursor(text);
  if (cursor === null) throw new DeclaredError('BAD_INPUT', 'This is no cursor: give the id of an event, unchanged');
  return cursor;
}
