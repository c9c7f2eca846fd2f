import type { IncomingMessage, ServerResponse } from 'node:http';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import type { WireFormat } from '@deskhand/contracts';

/** Ways in which a provider may be broken or malicious. */
export type Hostility =
  | 'endless-line' | 'endless-events' | 'endless-json' | 'bad-utf8' | 'short-content-length' | 'long-content-length' | 'not-http' | 'not-json' | 'html' | 'redirect' | 'silent' | 'stall' | 'drip'
  | 'huge-header' | 'encoded' | 'encoded-stream' | 'encoded-refusal' | 'error-as-answer' | 'cut-inside-line' | 'json-for-stream' | 'echo-credentials' | 'echo-in-header' | 'echo-in-stream' | 'hang-up';

const streamType = { 'content-type': 'text/event-stream' };
/** Made beforehand: it takes longer than some calls may. */
const gzipBomb = gzipSync(Buffer.alloc(50_000_000, 32), { level: 1 });
const jsonType = { 'content-type': 'application/json' };

/** Behaves badly in one way. Ways without an end go on until the other side hangs up. */
export function misbehave(how: Hostility, format: WireFormat, request: IncomingMessage, response: ServerResponse): void {
  const { socket } = request;
  const event = firstEvent(format);
  const acts: Record<Hostility, () => void> = {
    'endless-line': () => pump(response.writeHead(200, streamType), Buffer.from('data: '), Buffer.alloc(64 * 1024, 'x')),
    'endless-events': () => pump(response.writeHead(200, streamType), Buffer.from(event), Buffer.from(': nothing\n\n'.repeat(4_000))),
    'endless-json': () => pump(response.writeHead(200, jsonType), Buffer.from('{"choices":[{"message":{"content":"'), Buffer.alloc(64 * 1024, 'x')),
    'bad-utf8': () => void response.writeHead(200, streamType).end(Buffer.concat([Buffer.from('data: {"usage":{"x":"'), Buffer.from([0xff, 0xfe, 0xc3, 0x28]), Buffer.from('"}}\n\ndata: '), Buffer.from([0x80, 0x81]), Buffer.from('\n\n')])),
    'short-content-length': () => void socket.write(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{"choices":[],"usage":{"prompt_tokens":1}}`),
    'long-content-length': () => void socket.end('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n{"choices":[]}'),
    'not-http': () => void socket.end('SSH-2.0-OpenSSH_9.9\r\n'),
    'not-json': () => void response.writeHead(200, jsonType).end('{"choices": [tru'),
    html: () => void response.writeHead(200, { 'content-type': 'text/html' }).end('<html><body>Welcome</body></html>'),
    redirect: () => void response.writeHead(302, { location: 'http://169.254.169.254/latest/meta-data/' }).end(),
    silent: () => {},
    stall: () => void response.writeHead(200, streamType).write(event),
    drip: () => {
      response.writeHead(200, jsonType);
      const drops = setInterval(() => response.write(' '), 100);
      response.once('close', () => clearInterval(drops));
    },
    'huge-header': () => void socket.end(`HTTP/1.1 200 OK\r\nx-long: ${'y'.repeat(300_000)}\r\n\r\n`),
    encoded: () => void response.writeHead(200, { ...jsonType, 'content-encoding': 'gzip' }).end(gzipBomb),
    'encoded-stream': () => void response.writeHead(200, { ...streamType, 'content-encoding': 'zstd' }).end(zstdCompressSync(event)),
    'encoded-refusal': () => void response.writeHead(429, { ...jsonType, 'content-encoding': 'br' }).end('x'),
    'error-as-answer': () => void response.writeHead(200, jsonType).end('{"error":{"message":"Rate limited upstream","code":429}}'),
    'cut-inside-line': () => { response.writeHead(200, streamType).write(`${event}data: {"choices":[{"delta":{"content":"and th`); setTimeout(() => socket.destroy(), 30); },
    'json-for-stream': () => void response.writeHead(200, jsonType).end('{"choices":[{"index":0,"message":{"role":"assistant","content":"whole"},"finish_reason":"stop"}],"content":[]}'),
    'echo-credentials': () => void response.writeHead(400, jsonType).end(JSON.stringify({ error: { message: 'Bad request', headers: request.headers } })),
    'echo-in-header': () => void response.writeHead(200, { ...jsonType, 'x-request': credentialOf(request) }).end('{"choices":[{"index":0,"message":{"role":"assistant","content":"fine"},"finish_reason":"stop"}],"content":[]}'),
    'echo-in-stream': () => void response.writeHead(200, { ...streamType, 'x-request': credentialOf(request) }).end(`${event}data: ${JSON.stringify({ error: { message: `Your key ${credentialOf(request)} is odd`, type: 'x' } })}\n\n`),
    'hang-up': () => void socket.destroy(),
  };
  acts[how]();
}

const credentialOf = (request: IncomingMessage): string => String(request.headers.authorization ?? request.headers['x-api-key']);

function firstEvent(format: WireFormat): string {
  if (format === 'openai-chat') return `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta: { role: 'assistant', content: 'first' }, finish_reason: null }] })}\n\n`;
  const message = { id: 'm', type: 'message', role: 'assistant', model: 'm', content: [], stop_reason: null, stop_sequence: null, usage: { input_tokens: 7, output_tokens: 1 } };
  return `event: message_start\ndata: ${JSON.stringify({ type: 'message_start', message })}\n\n`;
}

function pump(response: ServerResponse, first: Buffer, again: Buffer): void {
  response.write(first);
  const more = (): void => {
    while (!response.destroyed && response.write(again));
    if (!response.destroyed) response.once('drain', () => setImmediate(more));
  };
  more();
}
