import { durableEvents, liveEvents, seqHeader, timelineStream } from '@deskhand/contracts';
import { z } from 'zod';
import { schemaOf } from './openapi.ts';

type Json = Record<string, unknown>;

const stamp = z.object({ seq: z.number().int(), created_at: z.string() });

/** The events that subscribers read, as an AsyncAPI 3 document. */
export function asyncApiDocument(): Json {
  const durable = Object.entries(durableEvents).map(([type, data]) => [type, message(type, data.extend({ type: z.literal(type), ...stamp.shape }), 'Stored before anybody sees it')] as const);
  const live = Object.entries(liveEvents).map(([type, data]) => [type, message(type, data.extend({ type: z.literal(type) }), 'Never stored: text as it is written')] as const);
  const messages = Object.fromEntries([...durable, ...live]);
  return {
    asyncapi: '3.0.0',
    info: { title: 'Deskhand events', version: '1', description: `Durable events are kept in the JetStream stream ${timelineStream}; the header ${seqHeader} is their place in the conversation.` },
    defaultContentType: 'application/json',
    channels: { timeline: channel('timeline', durable), live: channel('live', live) },
    operations: {
      readTimeline: { action: 'receive', channel: { $ref: '#/channels/timeline' } },
      followLive: { action: 'receive', channel: { $ref: '#/channels/live' } },
    },
    components: { messages },
  };
}

function channel(prefix: string, messages: readonly (readonly [string, Json])[]): Json {
  return {
    address: `${prefix}.{user}.{conversation}.{type}`,
    parameters: { user: { description: 'Whose conversation it is' }, conversation: {}, type: { enum: messages.map(([type]) => type) } },
    messages: Object.fromEntries(messages.map(([type]) => [type, { $ref: `#/components/messages/${type}` }])),
  };
}

function message(name: string, data: z.ZodType, summary: string): Json {
  return { name, summary, payload: schemaOf(data, 'output') ?? {} };
}
