import type { Client } from './client.ts';
import type { Feed, Received } from './feed.ts';
import { Joiner } from './joiner.ts';

export type Way = 'sse' | 'websocket' | 'new-tab';

export interface ResumingOptions {
  way: Way;
  /** After how many frames of each connection it is cut; the last one is never cut. */
  cuts: readonly number[];
  onFrame?: (received: Received) => void;
}

/**
 * A client that loses its connection again and again and comes back with its cursor (or, as a new tab, without one).
 * Follows until the run has ended or the time is over.
 */
export async function followThroughCuts(client: Client, conversation: string, run: string, options: ResumingOptions, withinMs = 60_000): Promise<Joiner> {
  const joiner = new Joiner();
  const until = Date.now() + withinMs;
  for (let connection = 0; !joiner.ended.has(run); connection++) {
    if (Date.now() > until) throw new Error(`The run did not end within ${withinMs} ms`);
    const cut = options.cuts[connection] ?? Infinity;
    let frames = 0;
    let feed: Feed | null = null;
    try {
      feed = await client.follow(conversation, {
        transport: options.way === 'sse' ? 'sse' : 'websocket',
        ...(options.way !== 'new-tab' && joiner.cursor !== undefined && { after: joiner.cursor }),
        onFrame: (received) => {
          // What arrives behind the cut was never read, as with a connection that broke there.
          if (frames >= cut || joiner.ended.has(run)) return;
          frames += 1;
          joiner.take(received);
          options.onFrame?.(received);
          if (frames >= cut || joiner.ended.has(run)) feed?.close();
        },
      });
      if (frames >= cut || joiner.ended.has(run)) feed.close();
      await Promise.race([feed.ended, new Promise((resolve) => setTimeout(resolve, Math.max(0, until - Date.now())))]);
    } catch (error) {
      // Nobody there: the gateway is just being started again.
      if (!isConnectionFailure(error)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    } finally {
      feed?.close();
    }
  }
  return joiner;
}

function isConnectionFailure(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = String((error as { code?: unknown }).code ?? (error.cause as { code?: unknown } | undefined)?.code ?? '');
  return /ECONN|EPIPE|UND_ERR|ETIMEDOUT/.test(code) || /socket hang up|fetch failed|terminated|answered 50\d/.test(error.message);
}
