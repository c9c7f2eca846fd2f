/** The web page that the tour makes and then uses through the desktop's browser: a guest book with two fields. */

export const guestbookFolder = '/workspace/guestbook';
const port = 8_123;
export const guestbookAddress = `http://127.0.0.1:${port}/`;

/**
 * Places on the screen, 1280x800. Each part of the page fills a third of the window, so that these points hit it however
 * high the browser's own bars are.
 */
export const guestbookPlaces = { name: [640, 260], words: [640, 460], button: [640, 660] } as const;

export const page = `<!doctype html>
<meta charset="utf-8">
<title>Guest book</title>
<style>
  * { box-sizing: border-box; margin: 0; font: 600 40px system-ui, sans-serif; }
  form { position: fixed; inset: 0; display: grid; grid-template-rows: 1fr 1fr 1fr; background: #f3f6fa; }
  input { border: 0; border-bottom: 2px solid #c8d3df; background: none; padding: 0 48px; outline: none; }
  input:focus { background: #fff; box-shadow: inset 10px 0 #3367d6; }
  button { border: 0; background: #3367d6; color: #fff; cursor: pointer; }
</style>
<form method="post" action="/sign" autocomplete="off">
  <input name="name" placeholder="Your name" spellcheck="false">
  <input name="words" placeholder="What you want to say" spellcheck="false">
  <button>Sign the guest book</button>
</form>
<script>onload = () => fetch("/opened")</script>
`;

export const server = `import html
import pathlib
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

folder = pathlib.Path(__file__).parent
thanks = '<meta charset="utf-8"><title>Thank you</title><body style="background:#1a7f37;color:#fff;font:600 48px system-ui;text-align:center;padding-top:30vh">Thank you, {}!'


class GuestBook(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/opened":
            (folder / "opened").touch()
        self.answer((folder / "index.html").read_text() if self.path == "/" else "")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        guest = dict(urllib.parse.parse_qsl(body, keep_blank_values=True))
        (folder / "guests.txt").write_text(f"{guest['name']}: {guest['words']}\\n")
        self.answer(thanks.format(html.escape(guest["name"])))
        threading.Thread(target=self.server.shutdown).start()

    def answer(self, text):
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(text.encode())


ThreadingHTTPServer(("127.0.0.1", ${port}), GuestBook).serve_forever()
`;
