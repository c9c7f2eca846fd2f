import { createHash } from 'node:crypto';
import { Agent, request, type IncomingMessage } from 'node:http';
import type { UpstreamAnswer, UpstreamRequest } from '../../services/llm-gateway/test/upstream.ts';
import { words } from './surroundings.ts';

/** What a kind of call uses, by the upstream's own words. */
export const used = { uncachedInput: 120, output: 34 };

export type SoakKind = 'whole' | 'stream' | 'long' | 'translated' | 'leaving' | 'dying' | 'refused' | 'unreachable' | 'slow';
export const soakKinds: readonly SoakKind[] = ['whole', 'stream', 'long', 'translated', 'leaving', 'dying', 'refused', 'unreachable', 'slow'];

/** What the upstream does with a call, which says its kind itself. */
export function soakScript({ userText }: Pick<UpstreamRequest, 'userText'>): UpstreamAnswer {
  const kind = userText as SoakKind;
  switch (kind) {
    case 'whole': return { text: 'A short answer.', usage: used };
    case 'stream': case 'long': case 'translated': return { text: 'a few words '.repeat(10), paceMs: 3, usage: used };
    case 'leaving': return { text: 'words that nobody waits for '.repeat(40), paceMs: 5, usage: used };
    case 'dying': return { text: 'words that break off '.repeat(20), paceMs: 2, cutAfter: 6 };
    case 'refused': return { status: 500, error: { error: { message: 'Out of order', type: 'server_error' } } };
    case 'unreachable': return { hostile: 'hang-up' };
    case 'slow': return { text: 'a long story '.repeat(3_000), usage: used };
  }
}

/** How a kind of call may be written down. */
export const soakStatuses: Record<SoakKind, readonly string[]> = {
  whole: ['completed'], stream: ['completed'], long: ['completed'], translated: ['completed'], leaving: ['cancelled', 'completed'], dying: ['cut'], refused: ['refused'], unreachable: ['failed'], slow: ['completed'],
};

export const hashOfKey = (key: string): string => createHash('sha256').update(key).digest('hex');

const agent = new Agent({ keepAlive: true, maxSockets: 200 });
/** Long calls are read by another part of the gateway, which keeps their connections. */
const agentOfLong = new Agent({ keepAlive: true, maxSockets: 200 });
const before = words(6_000, 1);

/** Makes one call as a client of that kind does. Resolves when it is over for the client, however. */
export async function soakCall(port: number, key: string, kind: SoakKind): Promise<void> {
  const translated = kind === 'translated';
  const stream = kind !== 'whole';
  const body = JSON.stringify({ model: 'soak-model', stream, max_tokens: 200, messages: [...(kind === 'long' ? [{ role: 'system', content: before }] : []), { role: 'user', content: kind }] });
  const response = await new Promise<IncomingMessage | null>((resolve) => {
    const sent = request({ port, host: '127.0.0.1', agent: kind === 'long' ? agentOfLong : agent, method: 'POST', path: translated ? '/v1/messages' : '/v1/chat/completions', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' } }, resolve);
    sent.on('error', () => resolve(null));
    sent.end(body);
  });
  if (response === null) return;
  await new Promise<void>((resolve) => {
    let taken = 0;
    response.on('close', resolve).on('error', () => resolve());
    response.on('data', (bytes: Buffer) => {
      taken += bytes.length;
      if (kind === 'leaving' && taken > 1_000) response.destroy();
      if (kind !== 'slow' || taken < 64 * 1024) return;
      // Takes a little, then nothing for a while.
      taken = 0;
      response.pause();
      setTimeout(() => response.resume(), 100);
    });
  });
}

/** Lets go of the clients' connections. */
export function endSoakClients(): void {
  agent.destroy();
  agentOfLong.destroy();
}
