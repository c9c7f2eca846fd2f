import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunningProduct } from './product.ts';
import type { UpstreamAnswer } from '../services/llm-gateway/test/upstream.ts';

/**
 * A page for the desktop's browser that notes down what reaches it: a field above, and below it an area that changes its
 * colour with every click. Places are those of the screen.
 */
const page = `<!doctype html><meta charset="utf-8"><title>Noting</title>
<style>* { margin: 0; box-sizing: border-box; font: 28px sans-serif } body { height: 100vh; display: grid; grid-template-rows: 30% 70% } textarea { padding: 16px; border: 0; outline: 0; resize: none } main { background: #ddd; user-select: none }</style>
<textarea autocomplete="off" spellcheck="false"></textarea><main></main>
<script>
  const area = document.querySelector("main"), field = document.querySelector("textarea");
  let last = Promise.resolve(), clicks = 0;
  const note = (path, text) => (last = last.then(() => fetch(path, { method: "POST", body: text })));
  const held = (event) => ["ctrl", "shift", "alt"].filter((key) => event[key + "Key"]).map((key) => key + "+").join("");
  const at = (event) => Math.round(event.screenX) + "," + Math.round(event.screenY);
  for (const type of ["click", "dblclick", "contextmenu", "auxclick"]) area.addEventListener(type, (event) => {
    event.preventDefault();
    if (type === "click") area.style.background = ["#7c5", "#57c", "#c75"][clicks++ % 3];
    if (type !== "auxclick" || event.button === 1) note("/effects.log", held(event) + type + " " + at(event));
  });
  area.addEventListener("wheel", (event) => note("/wheel.log", (event.deltaY > 0 ? "down" : "up")));
  area.addEventListener("mousedown", (event) => note("/buttons.log", "down " + at(event)));
  addEventListener("mouseup", (event) => note("/buttons.log", "up " + at(event)));
  addEventListener("keydown", (event) => { if (event.ctrlKey && event.key === "b") note("/effects.log", "ctrl+b"); });
  field.addEventListener("input", () => note("/typed.txt", field.value));
  onload = () => note("/opened", "");
</script>`;

const server = `import pathlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

page = ${JSON.stringify(page)}

class Noting(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(page)

    def do_POST(self):
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        file = pathlib.Path("/workspace") / self.path[1:]
        if file.suffix == ".log":
            with file.open("a") as lines:
                lines.write(text + "\\n")
        else:
            file.write_text(text)
        self.answer("")

    def answer(self, text):
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(text.encode())

ThreadingHTTPServer(("127.0.0.1", 8124), Noting).serve_forever()
`;

/** Answers of a model that has the page opened on the desktop and waits until it is there. */
export const openNotingPage: readonly UpstreamAnswer[] = [
  { toolCalls: [{ name: 'write', arguments: { path: '/workspace/noting.py', content: server } }] },
  { toolCalls: [{ name: 'bash', arguments: { command: 'exec python3 /workspace/noting.py', background: true } }] },
  { toolCalls: [{ name: 'bash', arguments: { command: 'open http://127.0.0.1:8124/ && for moment in $(seq 250); do test -e /workspace/opened && echo open && exit 0; sleep 0.2; done; exit 1', timeout_seconds: 60 } }] },
];

/** What the page noted, read on the host. */
export function noted(product: RunningProduct, computer: string, file: 'effects.log' | 'wheel.log' | 'buttons.log' | 'typed.txt'): string {
  const path = join(product.dataFolder, 'workspaces', computer, 'workspace', file);
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}
