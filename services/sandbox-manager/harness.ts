import { mkdirSync, chownSync, chmodSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { Engine } from './src/containers/engine.ts';
import { Link } from '@deskhand/sandboxd';
const engine = new Engine(null);
await engine.check();
const base = '/tmp/dh/sbx/ws-' + randomBytes(4).toString('hex');
for (const d of ['workspace', 'home']) { mkdirSync(`${base}/${d}`, { recursive: true }); chownSync(`${base}/${d}`, 1000, 1000); chmodSync(`${base}/${d}`, 0o2775); }
const t0 = performance.now();
const id = await engine.create({ computerId: 'h' + Date.now(), installationId: 'harness', image: 'deskhand-computer:dev', workspace: `${base}/workspace`, home: `${base}/home`, limits: { memoryBytes: 2 ** 31, processors: 2, processes: 512, diskBytes: 1e10, inodes: 1e6 } });
console.log('container', id.slice(0, 12), (performance.now() - t0).toFixed(0));
async function control(): Promise<Link> {
  for (let i = 0; ; i++) {
    try {
      return await new Promise<Link>(async (resolve, reject) => {
        const stream = await engine.stream(id, 'sandboxd', ['/opt/deskhand/bin/deskhand-bridge', 'control']);
        const link = new Link(stream, 'dialler', { hello: (h) => { console.log('hello', JSON.stringify(h), (performance.now() - t0).toFixed(0)); resolve(link); }, event: (e) => console.log('event', e), closed: (r) => { console.log('closed', r.message); reject(r); } });
      });
    } catch (e) { if (i > 50) throw e; await new Promise((r) => setTimeout(r, 20)); }
  }
}
const link = await control();
const secret = randomBytes(32).toString('hex');
const runner = await engine.stream(id, 'agent', ['/opt/deskhand/bin/deskhand-runner']);
runner.on('close', () => console.log('runner closed')); runner.resume();
const admitted = link.request('admit-runner', { secret }); runner.write(secret); await admitted;
console.log('runner in', (performance.now() - t0).toFixed(0));
let n = 0;
const base_ = { timeout_ms: 20000, output_limit: 48000, descendants: 'keep', wait_ms: 10000 };
const run = (argv: string[], more: object = {}) => link.request('run', { ...base_, call_id: 'c' + n++, argv, ...more }) as Promise<any>;

const full = async (argv: string[], more: object = {}) => { const id = 'c' + n; let v = await run(argv, more); let text = v.text; while (v.state === 'running') { v = await link.request('follow', { call_id: id, offset: text.length, wait_ms: 10000 }); text += v.text; } return { ...v, text }; };
const show = async (script: string, more: object = {}) => { const t = performance.now(); const v = await full(['bash', '-lc', script], more); console.log('$', script.slice(0, 100), (performance.now() - t).toFixed(0) + 'ms', JSON.stringify(v.outcome)); console.log(v.text.slice(0, 1500)); return v; };
console.log('first', (performance.now() - t0).toFixed(0));
const t2 = performance.now(); const fl = await full(['bash', '-c', 'head -c 1000000000 /dev/zero | tr "\\0" "x"; echo END']); console.log('1GB', (performance.now() - t2).toFixed(0), fl.state, fl.text.length, fl.text.slice(23950, 24060), fl.text.slice(-10), fl.outcome);
await show('cat /proc/self/status | grep -E "Seccomp|NoNewPrivs|CapEff"; ls /sys/fs/cgroup; cat /sys/fs/cgroup/memory/memory.oom_control /sys/fs/cgroup/pids/pids.events; mount | grep -v proc | cut -c1-150');
await show('node -e "console.log(process.version, require(\\"os\\").networkInterfaces())"; npm --version; git init -q x && cd x && git commit -q --allow-empty -m hi && git log --oneline; python3 -c "import threading,subprocess,asyncio; print(subprocess.check_output([\'echo\',\'py\'])); asyncio.run(asyncio.sleep(0.01))"; rg --version | head -1; sqlite3 :memory: "select 1"');
await show('chromium --headless --no-sandbox --disable-gpu --user-data-dir=/tmp/c --screenshot=/tmp/s.png about:blank 2>&1 | tail -3; ls -la /tmp/s.png', { timeout_ms: 30000 });
await show('Xvnc :1 -geometry 1280x800 -depth 24 -SecurityTypes None -rfbport -1 -rfbunixpath /tmp/rfb.sock -nolisten tcp >/tmp/x.log 2>&1 & sleep 1.5; DISPLAY=:1 openbox >/dev/null 2>&1 & DISPLAY=:1 xterm & DISPLAY=:1 tint2 >/tmp/t.log 2>&1 & sleep 1.5; ps -ef | grep -E "Xvnc|openbox|tint2|xterm" | grep -v grep | cut -c1-90; tail -3 /tmp/x.log', {descendants: 'kill'});
await show('python3 -c "x=[]\nwhile True: x.append(bytearray(50_000_000))"');
await show('for i in $(seq 1 700); do sleep 100 & done; wait', { descendants: 'kill', timeout_ms: 3000 });
{ const c = 'c' + n; await run(['bash', '-c', ':(){ :|:& };:'], { wait_ms: 100 }); await new Promise((r) => setTimeout(r, 3000)); const t = performance.now(); console.log('status', await link.request('status', {}), (performance.now() - t).toFixed(1)); const v = await full(['/bin/true']); console.log('true beside', v.outcome, v.text, (performance.now() - t).toFixed(1)); const t3 = performance.now(); console.log('fork bomb kill', await link.request('kill', { call_id: c }), (performance.now() - t3).toFixed(0)); }
await show('ps -ef | wc -l');
await show('kill -9 -1'); 
await new Promise((r) => setTimeout(r, 800));
await engine.remove(id);
process.exit(0);
