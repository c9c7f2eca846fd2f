import type { UpstreamAnswer } from '../../services/llm-gateway/test/upstream.ts';

const port = 8127;

/** Three steps of work after a press, the last within 80 ms, as the page does it: two greys, then the colour of this press. */
const steps = [20, 45, 70];

/** The colour of the n-th press: far from those before and after it, and from grey. */
export function colourOf(press: number): [number, number, number] {
  return [30 + ((press * 83) % 200), 30 + ((press * 137 + 60) % 200), 30 + ((press * 59 + 120) % 200)];
}

/** A field that writes down what is typed, and below it an area that repaints when it is pressed. */
const page = `<!doctype html><meta charset="utf-8"><title>target</title>
<style>* { margin: 0; box-sizing: border-box } body { display: grid; grid-template-rows: 300px 1fr; height: 100vh } textarea { padding: 8px; font: 16px sans-serif } main { background: #888 }</style>
<textarea spellcheck="false"></textarea><main></main>
<script>
const area = document.querySelector('main'), field = document.querySelector('textarea'), colourOf = ${colourOf.toString()};
let presses = 0, last = fetch('/opened', { method: 'POST', body: '' });
area.addEventListener('mousedown', () => {
  const press = presses++;
  setTimeout(() => (area.style.background = '#999'), ${steps[0]});
  setTimeout(() => (area.style.background = '#777'), ${steps[1]});
  setTimeout(() => (area.style.background = 'rgb(' + colourOf(press) + ')'), ${steps[2]});
});
field.addEventListener('input', () => (last = last.then(() => fetch('/typed-page.txt', { method: 'POST', body: field.value }))));
</script>`;

const server = `import pathlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
page = pathlib.Path('/workspace/target.html').read_bytes()
class Target(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path != '/': return self.send_error(404)
        self.send_response(200); self.send_header('content-type', 'text/html'); self.send_header('content-length', str(len(page))); self.end_headers(); self.wfile.write(page)
    def do_POST(self):
        pathlib.Path('/workspace' + self.path).write_bytes(self.rfile.read(int(self.headers['content-length'])))
        self.send_response(204); self.end_headers()
    def log_message(self, *_): pass
ThreadingHTTPServer(('127.0.0.1', ${port}), Target).serve_forever()`;

const bash = (command: string, more: object = {}): UpstreamAnswer => ({ toolCalls: [{ name: 'bash', arguments: { command, ...more } }] });

/** Answers of a model that has the page opened and waits until it is there. */
export const openTarget: readonly UpstreamAnswer[] = [
  { toolCalls: [{ name: 'write', arguments: { path: '/workspace/target.html', content: page } }] },
  { toolCalls: [{ name: 'write', arguments: { path: '/workspace/target.py', content: server } }] },
  bash('exec python3 /workspace/target.py', { background: true }),
  bash(`sleep 0.5; open http://127.0.0.1:${port}/ && for moment in $(seq 200); do test -e /workspace/opened && exit 0; sleep 0.2; done; exit 1`, { timeout_seconds: 60 }),
];
