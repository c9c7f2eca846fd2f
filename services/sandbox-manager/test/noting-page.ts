import { until, type TestComputer } from './running-manager.ts';

const port = 8123;

/**
 * A page that writes down what reaches it, served inside the computer: above a field, below it an area. It fills the
 * window, which fills the screen but for the browser's bar and the panel.
 */
const page = `<!doctype html><meta charset="utf-8"><title>noting</title>
<style>* { margin: 0; box-sizing: border-box } body { display: grid; grid-template-rows: 250px 1fr; height: 100vh } textarea { padding: 8px; font: 20px sans-serif } main { background: #ccd }</style>
<textarea spellcheck="false"></textarea><main></main>
<script>
const area = document.querySelector('main'), field = document.querySelector('textarea');
let last = Promise.resolve();
const note = (text) => (last = last.then(() => fetch('/note', { method: 'POST', body: text })));
const held = (event) => ['ctrl', 'shift', 'alt'].filter((key) => event[key + 'Key']).map((key) => key + '+').join('');
const place = ({ screenX, screenY }) => screenX + ',' + screenY;
for (const type of ['mousedown', 'mouseup', 'click', 'dblclick', 'contextmenu', 'wheel']) area.addEventListener(type, (event) => {
  event.preventDefault();
  field.blur();
  note(held(event) + type + (type === 'wheel' ? ' ' + Math.sign(event.deltaX) + ' ' + Math.sign(event.deltaY) : ' ' + event.button + ' ' + place(event)) + (type === 'click' ? ' ' + event.detail : ''));
});
area.addEventListener('mousemove', (event) => { if (event.buttons) note('drag ' + place(event)); });
addEventListener('keydown', (event) => { if (event.target !== field) { event.preventDefault(); note('keydown ' + held(event) + event.key); } });
addEventListener('keyup', (event) => { if (event.target !== field) note('keyup ' + event.key); });
field.addEventListener('input', () => note('field ' + JSON.stringify(field.value)));
</script>`;

const server = `import pathlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
notes = pathlib.Path('/workspace/notes')
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path != '/': return self.send_error(404)
        body = pathlib.Path('/workspace/page.html').read_bytes()
        self.send_response(200); self.send_header('content-type', 'text/html'); self.send_header('content-length', str(len(body))); self.end_headers(); self.wfile.write(body)
    def do_POST(self):
        text = self.rfile.read(int(self.headers['content-length'])).decode()
        with notes.open('a') as file: file.write(text + '\\n')
        self.send_response(204); self.end_headers()
    def log_message(self, *_): pass
notes.touch()
ThreadingHTTPServer(('127.0.0.1', ${port}), Handler).serve_forever()`;

export interface NotingPage {
  /** What has been written down since the last time. */
  notes(): Promise<string[]>;
  /** Waits for a note. */
  expect(wanted: string | RegExp): Promise<string[]>;
}

/** Opens the page on the desktop of a computer that runs, and waits until it listens. */
export async function openNotingPage(computer: TestComputer): Promise<NotingPage> {
  await computer.run(['bash', '-c', 'cat > /workspace/page.html'], { stdin: page });
  await computer.run(['python3', '-c', server], { wait_ms: 0, timeout_ms: 600_000 });
  await until(async () => (await computer.bash('ls /workspace/notes')).outcome?.exit_code === 0);
  const opened = await computer.bash(`open http://127.0.0.1:${port}/`);
  if (opened.outcome?.exit_code !== 0) throw new Error(`The page was not opened: ${opened.text}`);
  let read = 0;
  const notes = async (): Promise<string[]> => {
    const lines = (await computer.bash('cat /workspace/notes')).text.split('\n').slice(0, -1);
    return lines.slice(read, (read = lines.length));
  };
  // Before it listens, clicks go nowhere.
  await until(async () => {
    await computer.act({ action: 'click', at: { x: 640, y: 600 }, button: 'left', count: 1 });
    return (await notes()).some((line) => line.startsWith('click'));
  }, 30_000);
  return {
    notes,
    expect: async (wanted) => {
      const seen: string[] = [];
      await until(async () => {
        seen.push(...(await notes()));
        return seen.some((line) => (typeof wanted === 'string' ? line === wanted : wanted.test(line)));
      }, 15_000).catch(() => {
        throw new Error(`${String(wanted)} was not noted, but: ${seen.join(' | ')}`);
      });
      return seen;
    },
  };
}
