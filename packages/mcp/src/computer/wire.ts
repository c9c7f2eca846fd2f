import type { Socket } from 'node:net';
import { z } from 'zod';
import { computerAnswer, mcpLimits } from '../formats.ts';

/** One question a connection, one line each way. */
export const hostQuestion = z.discriminatedUnion('ask', [
  z.object({ ask: z.literal('tools'), version: z.string() }),
  z.object({ ask: z.literal('call'), version: z.string(), tool: z.string(), arguments: z.record(z.string(), z.unknown()), timeout_ms: z.number() }),
]);
export type HostQuestion = z.infer<typeof hostQuestion>;

/** `outdated`: its server is gone or was another definition of it, and it ends. */
export const hostAnswer = z.union([computerAnswer, z.object({ type: z.literal('outdated') })]);
export type HostAnswer = z.infer<typeof hostAnswer>;

export function sendLine(socket: Socket, value: unknown): void {
  socket.write(`${JSON.stringify(value)}\n`);
}

/** The first line that arrives; null when the other side ends without one. */
export function readLine(socket: Socket): Promise<unknown> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const done = (value: unknown) => {
      socket.off('data', take).off('close', close);
      resolve(value);
    };
    const close = () => done(null);
    const take = (chunk: Buffer) => {
      const end = chunk.indexOf(10);
      chunks.push(end < 0 ? chunk : chunk.subarray(0, end));
      size += chunk.length;
      if (size > mcpLimits.message) socket.destroy();
      else if (end >= 0) done(parsed(Buffer.concat(chunks).toString('utf8')));
    };
    socket.on('data', take).once('close', close);
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}
