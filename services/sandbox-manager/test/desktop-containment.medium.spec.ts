import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configure, startManager, startSurroundings, type Surroundings, type TestComputer } from './running-manager.ts';

// Real: Docker, the image with its desktop, the kernel, nats-server, SQLite.
describe('containment of a desktop', () => {
  let surroundings: Surroundings;
  let computer: TestComputer;
  let close: () => Promise<void>;

  beforeAll(async () => {
    surroundings = await startSurroundings();
    configure(surroundings);
    ({ close } = await startManager(surroundings));
    computer = surroundings.computer();
    await computer.start();
    await computer.act({ action: 'screenshot' });
  });
  afterAll(async () => {
    await close();
    await surroundings.close();
  });

  it('15: keeps the tools out of the screen, and the desktop out of the daemon', async () => {
    const { text } = await computer.bash(`python3 - <<'END'
import os, socket
for path in ('/tmp/.X11-unix/X1', '/run/desktop/rfb.sock', '/run/desktop/session.sock', '/run/sandboxd/control.sock', '\\0/tmp/.X11-unix/X1'):
    one = socket.socket(socket.AF_UNIX)
    try:
        one.connect(path)
        print('connected', repr(path))
    except OSError as error:
        print(error.strerror)
fake = socket.socket(socket.AF_UNIX)
try:
    fake.bind('\\0/tmp/.X11-unix/X1')
    print('played the screen')
except OSError as error:
    print(error.strerror)
for path in ('/run/desktop', '/run/desktop/xauthority', '/tmp/.X11-unix/X1', '/home/agent/.desktop/config'):
    try:
        os.stat(path + '/.' if os.path.isdir(path) else path)
        print(len(os.listdir(path)), path)
    except OSError as error:
        print(error.strerror)
END
DISPLAY=:1 xprop -root 2>&1 | head -1
pkill -9 Xvnc 2>/dev/null; pkill -9 deskhand-deskto 2>/dev/null; pgrep -c Xvnc`);
    expect(text.split('\n')).toEqual([
      ...Array.from({ length: 4 }, () => 'Permission denied'), 'Connection refused', 'Address already in use', ...Array.from({ length: 4 }, () => 'Permission denied'), expect.stringContaining('unable to open display'), '1', '',
    ]);
    const other = await surroundings.asUser(computer, 'desktop', `ls /run/sandboxd; cat /run/sandboxd/boot; kill -9 1; kill -9 $(pgrep -u sandboxd -f sandboxd.mjs); cat /proc/$(pgrep -u sandboxd -f sandboxd.mjs)/environ; python3 - <<'END'
import socket
one = socket.socket(socket.AF_UNIX)
try:
    one.connect('/run/sandboxd/control.sock')
    print('connected')
except OSError as error:
    print(error.strerror)
END
grep -E 'CapEff|NoNewPrivs|Seccomp:' /proc/self/status; touch /etc/x`);
    expect(other.match(/Permission denied|Operation not permitted|Read-only/g)?.length).toBeGreaterThanOrEqual(7);
    expect(other).not.toContain('connected');
    expect(other).toMatch(/CapEff:\s+0000000000000000\nNoNewPrivs:\s+1\nSeccomp:\s+2/);
    expect((await computer.act({ action: 'screenshot' })).state).toBe('done');
  });

  it('lets no program of the desktop press keys or resize the screen', async () => {
    const extensions = await surroundings.asUser(computer, 'desktop', 'DISPLAY=:1 XAUTHORITY=/run/desktop/xauthority xdpyinfo -queryExtensions');
    expect(extensions).toContain('MIT-SHM');
    expect(extensions).not.toMatch(/XTEST|RECORD|RANDR/);
  });
});
