import { Agent, fetch as undiciFetch, type RequestInit as UndiciRequestInit } from 'undici';
import type { AddressPolicy } from './address-policy.ts';
import { guardedConnector, type Resolve } from './guarded-connector.ts';

export interface FetchLimits {
  connectMs: number;
  /** Milliseconds until an answer begins, and between two pieces of it. */
  silenceMs: number;
  /** Bytes of an answer, unpacked. */
  answer: number;
  /** Bytes between two empty lines of an event stream. */
  event: number;
}

/** An answer was larger than is read. */
export class AnswerTooLarge extends Error {
  override readonly name = 'AnswerTooLarge';
}

export interface GuardedFetch {
  fetch(url: string | URL, init?: RequestInit): Promise<Response>;
  close(): Promise<void>;
}

/**
 * `fetch` for addresses that a person wrote: every connection is opened by the guarded connector, no redirect is followed, and
 * an answer that grows beyond the limits breaks off.
 */
export function guardedFetch(policy: AddressPolicy, limits: FetchLimits, resolve?: Resolve): GuardedFetch {
  const dispatcher = new Agent({ connect: guardedConnector(policy, limits.connectMs, resolve), headersTimeout: limits.silenceMs, bodyTimeout: limits.silenceMs, maxHeaderSize: 64 * 1024, pipelining: 1 });
  return {
    async fetch(url, init) {
      const options = { ...init, redirect: 'manual', dispatcher } as unknown as UndiciRequestInit;
      const answer = (await undiciFetch(url, options)) as unknown as Response;
      if (answer.body === null) return answer;
      const stream = answer.headers.get('content-type')?.startsWith('text/event-stream') === true;
      return new Response(answer.body.pipeThrough(capped(limits, stream)), { status: answer.status, statusText: answer.statusText, headers: answer.headers });
    },
    close: () => dispatcher.destroy(),
  };
}

function capped({ answer, event }: FetchLimits, stream: boolean): TransformStream<Uint8Array, Uint8Array> {
  let total = 0;
  let sinceGap = 0;
  /** Line ends in a row, carriage returns aside. */
  let gap = 0;
  return new TransformStream({
    transform(chunk, controller) {
      total += chunk.byteLength;
      if (stream) {
        for (const byte of chunk) {
          if (byte === 10) gap += 1;
          else if (byte !== 13) gap = 0;
          sinceGap = gap >= 2 ? 0 : sinceGap + 1;
        }
      }
      if (total > answer || sinceGap > event) controller.error(new AnswerTooLarge(`The answer is larger than ${Math.round((total > answer ? answer : event) / 1024 / 1024)} MB`));
      else controller.enqueue(chunk);
    },
  });
}
