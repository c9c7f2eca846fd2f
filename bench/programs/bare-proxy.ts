// The least that a proxy for model calls can be in Node: parses and writes anew both bodies, pipes streams, and knows no keys.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Pool } from 'undici';

const pool = new Pool(process.argv[2]!, { connections: 1_024, pipelining: 1 });

const server = createServer({ noDelay: true }, (request, response) => {
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => void parts.push(part));
  request.on('end', () => {
    const body = JSON.parse(Buffer.concat(parts).toString()) as { stream?: boolean };
    pool.request({ path: request.url!, method: 'POST', headers: { 'content-type': 'application/json', authorization: 'Bearer upstream' }, body: JSON.stringify(body) }).then(async (answer) => {
      const type = String(answer.headers['content-type']);
      if (body.stream === true) return void answer.body.pipe(response.writeHead(answer.statusCode, { 'content-type': type }));
      const text = JSON.stringify(await answer.body.json());
      response.writeHead(answer.statusCode, { 'content-type': type, 'content-length': Buffer.byteLength(text) }).end(text);
    }).catch(() => response.destroy());
  });
});
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }));
process.on('disconnect', () => process.exit());
