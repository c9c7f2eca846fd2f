// A model provider that costs next to nothing: it reads no body and writes bytes that are ready. The first part of the path
// says what it answers: `whole` (JSON), `burst` (a stream, all at once), `paced` (the same, one event every five milliseconds).
import { createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { asChunk, burst, events, streamHead, whole } from '../support/model-answers.ts';

const paceMs = 5;
const lastChunk = Buffer.from('0\r\n\r\n');
const pieces = events.map(asChunk);

interface Paced {
  socket: Socket;
  next: number;
  at: number;
}

const paced = new Set<Paced>();

const ways: Readonly<Record<string, (socket: Socket) => void>> = {
  whole: (socket) => socket.write(whole),
  burst: (socket) => socket.write(burst),
  paced: (socket) => {
    socket.write(streamHead);
    // A place of their own within the pace, so that streams do not beat together.
    paced.add({ socket, next: 0, at: performance.now() + Math.random() * paceMs });
  },
};

setInterval(() => {
  const now = performance.now();
  for (const stream of paced) {
    if (stream.at > now) continue;
    stream.at += paceMs;
    const piece = pieces[stream.next++];
    if (piece === undefined || stream.socket.destroyed) {
      paced.delete(stream);
      if (!stream.socket.destroyed) stream.socket.write(lastChunk);
    } else stream.socket.write(piece);
  }
}, 1);

const server = createServer({ noDelay: true }, (socket) => {
  let head: Buffer = Buffer.alloc(0);
  /** Bytes of the body that are still to come; null: its head is not whole yet. */
  let missing: number | null = null;
  let answer = ways.whole!;
  socket.on('error', () => socket.destroy());
  socket.on('data', (bytes) => {
    let left = bytes.length;
    if (missing === null) {
      head = head.length === 0 ? bytes : Buffer.concat([head, bytes]);
      const end = head.indexOf('\r\n\r\n');
      if (end === -1) return;
      const text = head.toString('latin1', 0, end);
      answer = ways[/^POST \/(\w+)\//.exec(text)?.[1] ?? ''] ?? answer;
      missing = Number(/\r\ncontent-length: *(\d+)/i.exec(text)?.[1] ?? 0);
      left = head.length - end - 4;
      head = Buffer.alloc(0);
    }
    missing -= left;
    if (missing > 0) return;
    missing = null;
    answer(socket);
  });
});
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }));
process.on('disconnect', () => process.exit());
