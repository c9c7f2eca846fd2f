import { accessRevoked, auth } from './auth.ts';
import type { CallerName, EventContract, RequestContract } from './contract.ts';
import { conversationDeleted, conversations, livePublished, timelinePublished } from './conversations.ts';
import { desktop, leaseChanged, leases } from './desktop.ts';
import { grants } from './grants.ts';
import { health, metrics } from './health.ts';
import { gatewayInstances, llm, usageRecorded } from './llm.ts';
import { llmKeys } from './llm-keys.ts';
import { llmModels, modelsChanged } from './llm-models.ts';
import { mcp } from './mcp.ts';
import { agent as agentRequests, computerChanged, runInterrupted, runs, runsWaiting } from './runs.ts';
import { sandbox } from './sandbox.ts';
import { budgets } from './budgets.ts';
import { wildcardSubject } from './subject.ts';
import { usage } from './usage.ts';
import { allValueStores, valueStream, valueSubject } from './value-stores.ts';

export const allRequests: readonly RequestContract[] = [auth, conversations, runs, agentRequests, grants, sandbox, desktop, leases, mcp, llm, llmModels, llmKeys, usage, budgets, health, metrics].flatMap((group) => Object.values(group) as RequestContract[]);
export const allEvents: readonly EventContract[] = [timelinePublished, livePublished, conversationDeleted, runsWaiting, runInterrupted, computerChanged, leaseChanged, usageRecorded, modelsChanged, accessRevoked, ...Object.values(gatewayInstances)] as EventContract[];

/** The durable consumer that a service reads a stored event with. */
export function consumerName(service: CallerName, event: EventContract): string {
  return `${service}_${wildcardSubject(event.subject).replace(/[^A-Za-z0-9]+/g, '-')}`;
}

/** Where events go that no handler could take; administrators see them. */
export const deadLetterStream = 'DEADLETTERS';
export const deadLetterSubject = 'deadletter';

export interface NatsPermissions {
  publish: string[];
  subscribe: string[];
  /** Replies to this service's requests arrive only here, where no other service may listen. */
  inboxPrefix: string;
}

/** Exactly the subjects a service needs, derived from the contracts: who serves, who asks, who consumes. */
export function natsPermissions(service: CallerName): NatsPermissions {
  const inboxPrefix = `_INBOX_${service.replaceAll('-', '_')}`;
  const publish: string[] = [];
  const subscribe = [`${inboxPrefix}.>`];
  for (const request of allRequests) {
    const subject = wildcardSubject(request.subject);
    if (request.callers.includes(service)) publish.push(subject);
    if (request.owner === service) subscribe.push(subject);
  }
  for (const event of allEvents) {
    const subject = wildcardSubject(event.subject);
    if (event.owner === service) {
      publish.push(subject);
      if (event.stream !== null) publish.push(`$JS.API.STREAM.CREATE.${event.stream}`, `$JS.API.STREAM.UPDATE.${event.stream}`, `$JS.API.STREAM.INFO.${event.stream}`);
    }
    if (!(event.consumers as readonly CallerName[]).includes(service)) continue;
    // The gateway follows the timeline live and reads the rest from the database, so it needs no durable consumer.
    if (event.stream === null || service === 'gateway') subscribe.push(subject);
    else {
      const name = consumerName(service, event);
      publish.push(
        `$JS.API.STREAM.INFO.${event.stream}`, `$JS.API.CONSUMER.CREATE.${event.stream}.${name}.>`, `$JS.API.CONSUMER.CREATE.${event.stream}.${name}`, `$JS.API.CONSUMER.DURABLE.CREATE.${event.stream}.${name}`,
        `$JS.API.CONSUMER.INFO.${event.stream}.${name}`, `$JS.API.CONSUMER.MSG.NEXT.${event.stream}.${name}`, `$JS.ACK.${event.stream}.${name}.>`,
        deadLetterSubject, `$JS.API.STREAM.CREATE.${deadLetterStream}`, `$JS.API.STREAM.INFO.${deadLetterStream}`, `$JS.API.STREAM.MSG.GET.${deadLetterStream}`,
      );
    }
  }
  for (const store of allValueStores) {
    if (store.owner !== service) continue;
    const stream = valueStream(store);
    publish.push(valueSubject(store, '*'), `$JS.API.STREAM.CREATE.${stream}`, `$JS.API.STREAM.INFO.${stream}`, `$JS.API.STREAM.PURGE.${stream}`, `$JS.API.DIRECT.GET.${stream}.>`);
  }
  publish.push('$JS.API.INFO');
  return { publish: [...new Set(publish)].sort(), subscribe: [...new Set(subscribe)].sort(), inboxPrefix };
}
