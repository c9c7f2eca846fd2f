import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The smallest PNG there is. */
export const dot = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

/**
 * A server on standard input and output, written without any library: `tool` names are what they do. `MODE` makes it hostile.
 */
const source = String.raw`
const { MODE = '', GREETING = 'hello' } = process.env;
const { appendFileSync } = require('node:fs');
const send = (message) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\n');
const tool = (name, more = {}) => ({ name, description: 'Does ' + name, inputSchema: { type: 'object', properties: { text: { type: 'string' } } }, ...more });
const calls = {
  echo: ({ text }) => ({ content: [{ type: 'text', text: GREETING + ' ' + text }] }),
  variables: () => ({ content: [{ type: 'text', text: JSON.stringify(process.env) }] }),
  picture: () => ({ content: [{ type: 'image', mimeType: 'image/png', data: '${dot}' }] }),
  large: () => ({ content: [{ type: 'text', text: 'x'.repeat(100000) }] }),
  fails: () => ({ content: [{ type: 'text', text: 'no such thing' }], isError: true }),
  structured: () => ({ structuredContent: { a: 1 } }),
  crash: () => { console.error('out of luck'); process.exit(3); },
  note: ({ text }) => { appendFileSync(process.env.NOTES, text + '\n'); return { content: [{ type: 'text', text: 'noted' }] }; },
};
function answer({ id, method, params }) {
  if (method === 'initialize') return send({ id, result: { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'test', version: '1' } } });
  if (method === 'tools/list') {
    if (MODE === 'many') return send({ id, result: { tools: Array.from({ length: 5000 }, (_, n) => tool('tool' + n)) } });
    if (MODE === 'endless') return send({ id, result: { tools: [tool('t' + Math.random())], nextCursor: 'x' } });
    if (MODE === 'odd') return send({ id, result: { tools: [tool('good'), tool('good'), { name: 'bare' }, 7, tool('list', { inputSchema: { type: 'array' } }), tool('huge', { inputSchema: { type: 'object', x: 'x'.repeat(20000) } }), tool('marked', { description: '<img src=x onerror=alert(1)>\u001b[31mred\u202E' })] } });
    return send({ id, result: { tools: [...Object.keys(calls), 'slow', 'daemon', 'wait'].map((name) => tool(name, name === 'echo' ? { annotations: { readOnlyHint: true } } : {})) } });
  }
  if (method === 'tools/call') {
    if (params.name === 'wait') {
      appendFileSync(process.env.NOTES, 'wait began\n');
      return void setTimeout(() => send({ id, result: { content: [{ type: 'text', text: 'waited' }] } }), 4000);
    }
    if (params.name === 'slow') return void appendFileSync(process.env.NOTES, 'slow began\n');
    if (params.name === 'daemon') {
      require('node:child_process').spawn('sleep', ['4242'], { detached: true, stdio: 'ignore' }).unref();
      return;
    }
    const made = calls[params.name];
    if (!made) return send({ id, error: { code: -32602, message: 'There is no tool ' + params.name } });
    return send({ id, result: made(params.arguments) });
  }
  if (id !== undefined) send({ id, error: { code: -32601, message: 'no' } });
}
if (MODE === 'broken') { console.error('Cannot find module nowhere'); process.exit(1); }
if (MODE === 'silent') setInterval(() => {}, 1000);
else if (MODE === 'flood') { const part = 'x'.repeat(65536); const go = () => { while (process.stdout.write(part)); process.stdout.once('drain', go); }; go(); }
else {
  if (MODE === 'chatty') console.log('Starting up, not JSON at all');
  let rest = '';
  process.stdin.on('data', (chunk) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop();
    for (const line of lines) if (line.trim()) answer(JSON.parse(line));
  });
}
`;

/** The server as a file, and where it takes notes. */
export function stdioServer(): { file: string; notes: string; source: string } {
  const folder = mkdtempSync(join(tmpdir(), 'deskhand-mcp-test-'));
  const file = join(folder, 'server.cjs');
  writeFileSync(file, source);
  return { file, notes: join(folder, 'notes'), source };
}
