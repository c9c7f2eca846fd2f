import { newId } from '@deskhand/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { computerLimits } from '../src/manager-config.ts';
import { configure, startManager, startSurroundings, type Surroundings, type TestComputer } from './running-manager.ts';

// Real: Docker, the image, the kernel, nats-server, SQLite. The numbers are those of SECURITY.md.
describe('containment', () => {
  let surroundings: Surroundings;
  let computer: TestComputer;
  let close: () => Promise<void>;

  beforeAll(async () => {
    surroundings = await startSurroundings();
    configure(surroundings);
    ({ close } = await startManager(surroundings));
    computer = surroundings.computer();
    await computer.start();
  });
  afterAll(async () => {
    await close();
    await surroundings.close();
  });

  const container = async () => surroundings.container(computer);

  it('14: is what it should be by the word of the engine', async () => {
    const { Config, HostConfig, Mounts, NetworkSettings } = await (await container()).inspect();
    expect(HostConfig).toMatchObject({
      Privileged: false, CapDrop: ['ALL'], ReadonlyRootfs: true, NetworkMode: 'none', PidMode: '', UTSMode: '', UsernsMode: '', IpcMode: 'private', PidsLimit: 512, NanoCpus: expect.any(Number),
    });
    expect(HostConfig.CapAdd ?? []).toEqual([]);
    expect(HostConfig.Devices ?? []).toEqual([]);
    expect(HostConfig.Binds ?? []).toEqual([]);
    expect(HostConfig.Memory).toBeGreaterThan(0);
    expect(HostConfig.MemorySwap).toBe(HostConfig.Memory);
    expect(HostConfig.NanoCpus).toBeGreaterThan(0);
    expect(HostConfig.SecurityOpt).toContain('no-new-privileges:true');
    expect(HostConfig.SecurityOpt?.find((option: string) => option.startsWith('seccomp='))).toMatch(/SCMP_ACT_ERRNO/);
    expect(Config.User).toBe('sandboxd');
    expect(Mounts.map(({ Source, Destination }) => [Source, Destination]).sort()).toEqual([
      [`${surroundings.root}/${computer.id}/home`, '/home/agent'], [`${surroundings.root}/${computer.id}/workspace`, '/workspace'],
    ]);
    expect(Object.keys(NetworkSettings.Networks).filter((name) => name !== 'none')).toEqual([]);
    const { text } = await computer.bash('grep -E "CapEff|CapBnd|NoNewPrivs|Seccomp:" /proc/self/status; id -u; ls /var/run/docker.sock 2>&1; ls /sys/class/net; touch /etc/x 2>&1');
    expect(text).toMatch(/CapBnd:\s+0000000000000000/);
    expect(text).toMatch(/CapEff:\s+0000000000000000/);
    expect(text).toMatch(/NoNewPrivs:\s+1/);
    expect(text).toMatch(/Seccomp:\s+2/);
    expect(text).toMatch(/\n1000\n.*No such file.*\nlo\n.*Read-only file system/s);
  });

  it('14: has no network at all', async () => {
    const { text } = await computer.bash(`python3 - <<'END'
import socket
for family, kind, target in ((socket.AF_INET, socket.SOCK_STREAM, ('169.254.169.254', 80)), (socket.AF_INET, socket.SOCK_DGRAM, ('8.8.8.8', 53)), (socket.AF_INET6, socket.SOCK_STREAM, ('2001:db8::1', 80)), (socket.AF_INET, socket.SOCK_STREAM, ('172.17.0.1', 4222))):
    try:
        with socket.socket(family, kind) as one:
            one.settimeout(2)
            one.connect(target)
            print('connected')
    except OSError as error:
        print(error.strerror)
try:
    socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)
    print('raw')
except OSError as error:
    print(error.strerror)
END`);
    expect(text).toBe('Network is unreachable\n'.repeat(4) + 'Operation not permitted\n');
  });

  it('15: refuses the system calls that a sandbox has no use for', async () => {
    const { text } = await computer.bash(`python3 - <<'END'
import ctypes, errno, os, platform
libc = ctypes.CDLL(None, use_errno=True)
arm = platform.machine() == 'aarch64'
numbers = dict(mount=(165, 40), umount2=(166, 39), unshare=(272, 97), setns=(308, 268), mknodat=(259, 33), bpf=(321, 280), keyctl=(250, 219), add_key=(248, 217), io_uring_setup=(425, 425), userfaultfd=(323, 282), perf_event_open=(298, 241), init_module=(175, 105), pivot_root=(155, 41), chroot=(161, 51), reboot=(169, 142), swapon=(167, 224), fsopen=(430, 430), move_mount=(429, 429), open_by_handle_at=(304, 265), clone3=(435, 435), kexec_load=(246, 104), acct=(163, 89), settimeofday=(164, 170))
arguments = dict(unshare=(0x10000000,), mknodat=(-100, b'/tmp/device', 0o20666, 0x103), chroot=(b'/tmp',), io_uring_setup=(8, ctypes.create_string_buffer(256)), userfaultfd=(0,))
def attempt(name, *values):
    ctypes.set_errno(0)
    done = libc.syscall(*values)
    print(name, 'DONE' if done >= 0 else errno.errorcode[ctypes.get_errno()])
for name, number in numbers.items():
    attempt(name, number[arm], *arguments.get(name, (0, 0, 0, 0, 0)))
for flag in (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000):
    attempt('clone %x' % flag, 220 if arm else 56, flag | 17, 0, 0, 0, 0)
for family in (40, 17, 38, 16, 31, 44):
    attempt('socket %d' % family, 198 if arm else 41, family, 3 if family in (17, 16) else 5 if family == 38 else 1, 0)
attempt('socket 40 with high bits', 198 if arm else 41, (1 << 32) | 40, 1, 0)
for path in ('/proc/sys/kernel/hostname', '/proc/sysrq-trigger', '/sys/kernel/mm/ksm/run', '/proc/1/mem', '/dev/mem', '/etc/passwd'):
    try:
        open(path, 'r+b').close()
        print(path, 'DONE')
    except OSError as error:
        print(path, errno.errorcode[error.errno])
END`);
    const answers = Object.fromEntries(text.trim().split('\n').map((line) => [line.slice(0, line.lastIndexOf(' ')), line.slice(line.lastIndexOf(' ') + 1)]));
    const { 'socket 16': netlink, ...refused } = answers;
    expect(netlink).toBe('DONE');
    expect(Object.keys(refused).length).toBeGreaterThan(40);
    for (const [name, answer] of Object.entries(refused)) expect([name, answer]).toEqual([name, expect.stringMatching(/^(EPERM|EACCES|EROFS|ENOSYS|ENOENT)$/)]);
  });

  it('15: keeps sandboxd, the runner and the holders closed to the tools', async () => {
    const { text } = await computer.bash(`
      for name in deskhand-init sandboxd deskhand-runner; do
        pid=$(ps -eo pid,args | awk -v name="$name" '$2 ~ name {print $1; exit}')
        echo "checked $name $pid"
        cat /proc/$pid/environ >/dev/null 2>&1 && echo "$name shows its environment"
        ls /proc/$pid/fd >/dev/null 2>&1 && echo "$name shows its files"
        head -c 1 /proc/$pid/mem >/dev/null 2>&1 && echo "$name shows its memory"
        python3 -c "import ctypes; c = ctypes.CDLL(None, use_errno=True); print('$name traced' if c.ptrace(16, $pid, 0, 0) == 0 else '', end='')"
      done
      kill -9 1 2>/dev/null && echo killed init
      for pid in $(ps -u sandboxd -o pid=); do kill -9 $pid 2>/dev/null && echo killed sandboxd; done
      ls /run/sandboxd 2>&1; cat /opt/deskhand/bin/deskhand 2>&1 | head -c 80; touch /run/x 2>&1
      python3 -c "
import socket, struct
one = socket.socket(socket.AF_UNIX); one.connect('/run/runner.sock'); one.settimeout(4)
one.sendall(struct.pack('>IB', 65, ord('R')) + b'0' * 64)
print('let in' if one.recv(1) else 'turned away')"`);
    expect(text.match(/^checked \S+ \d+$/gm)).toHaveLength(3);
    expect(text).not.toMatch(/shows|traced|killed|let in/);
    expect(text).toMatch(/cannot open directory '\/run\/sandboxd': Permission denied/);
    expect(text).toMatch(/Permission denied.*\n.*turned away/s);
  });

  it('16: contains a memory bomb and says why', async () => {
    const view = await computer.bash('python3 -c "x = []\nwhile True: x.append(bytearray(64_000_000))"');
    expect(view.outcome).toMatchObject({ exit_code: null, signal: 'SIGKILL', contained: expect.stringContaining('memory') });
    expect((await computer.bash('echo on')).text).toBe('on\n');
  });

  it('16: contains a fork bomb, says why, and kills it while other computers do not notice', async () => {
    const neighbour = surroundings.computer();
    await neighbour.start();
    const call_id = newId();
    await computer.run(['bash', '-c', ':(){ :|:& };: ; sleep 60'], { call_id, wait_ms: 1_500 });
    const times: number[] = [];
    for (let round = 0; round < 10; round++) {
      const asked = performance.now();
      expect((await neighbour.run(['true'])).outcome?.exit_code).toBe(0);
      times.push(performance.now() - asked);
    }
    console.info(`beside a fork bomb another computer answers in ${Math.round(times.sort((a, b) => a - b)[5]!)} ms`);
    const asked = performance.now();
    expect(await computer.kill(call_id)).toEqual({ gone: true });
    const took = performance.now() - asked;
    console.info(`fork bomb killed in ${Math.round(took)} ms`);
    expect(took).toBeLessThan(3_000);
    expect((await computer.follow(call_id)).outcome).toMatchObject({ killed: true, contained: expect.stringContaining('processes') });
    expect((await computer.bash('ps -eo user,args --no-headers | grep -c "^agent"')).outcome?.exit_code).toBe(0);
    expect(Number((await computer.bash('ps -u agent --no-headers | wc -l')).text)).toBeLessThan(10);
  });

  it('16: lets a command have so many processes and no more', async () => {
    const view = await computer.bash('for n in {1..600}; do sleep 60 & done', { timeout_ms: 2_000, descendants: 'kill' });
    expect(view.outcome).toMatchObject({ timed_out: true, contained: expect.stringContaining('processes') });
    expect((await computer.bash('echo on | cat')).text).toBe('on\n');
  });

  it('16: ends a command when what was killed with it is gone, not only dying', async () => {
    // A process with much memory takes a while to die.
    const view = await computer.bash(`rm -f ready; for n in 1 2 3; do python3 -c "import time
x = b'x' * 400_000_000
open('ready', 'a').write('x')
time.sleep(60)" & done; until [ "$(cat ready 2>/dev/null)" = xxx ]; do sleep 0.05; done`, { descendants: 'kill' });
    expect(view.outcome?.exit_code).toBe(0);
    expect((await computer.bash('pgrep python3')).text).toBe('');
  });

  it('16: takes a gigabyte of output and keeps its head and its tail', async () => {
    const view = await computer.bash('echo first; yes 0123456789abcdef | head -c 1000000000; echo; echo last');
    expect(view.outcome?.exit_code).toBe(0);
    expect(view.text.length).toBeLessThanOrEqual(48_000);
    expect(view.text).toMatch(/^first\n0123/);
    expect(view.text).toMatch(/\[\d{3},\d{3},\d{3} bytes of output left out here\]/);
    expect(view.text).toMatch(/\nlast\n$/);
    const { text } = await computer.bash('ps -u sandboxd -o rss=');
    const kilobytes = text.trim().split(/\s+/).map(Number);
    console.info(`after a gigabyte of output the daemon takes ${Math.round(Math.max(...kilobytes) / 1_000)} MB`);
    expect(Math.max(...kilobytes)).toBeLessThan(250_000);
  });

  it('17: kills a tree that daemonised, left its session and ignores signals, within three seconds', async () => {
    const call_id = newId();
    await computer.run(['bash', '-c', `trap '' TERM HUP INT; setsid bash -c 'trap "" TERM HUP; while :; do sleep 1000; done' & (nohup setsid sleep 1001 >/dev/null 2>&1 &)
python3 -c "
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(1002)
    os._exit(0)
time.sleep(1003)"`], { call_id, wait_ms: 700 });
    await expect.poll(async () => Number((await computer.bash('pgrep -fc "sleep 100|time.sleep"')).text)).toBeGreaterThanOrEqual(4);
    const asked = performance.now();
    expect(await computer.kill(call_id)).toEqual({ gone: true });
    const took = performance.now() - asked;
    console.info(`daemonised tree killed in ${Math.round(took)} ms`);
    expect(took).toBeLessThan(3_000);
    expect((await computer.bash('pgrep -x sleep; pgrep python3; true')).text).toBe('');
    expect(await computer.follow(call_id)).toMatchObject({ state: 'ended', outcome: { killed: true, signal: 'SIGKILL' } });
  });

  it('17: still kills when the tools have killed or stopped the runner and the holder', async () => {
    for (const signal of ['KILL', 'STOP']) {
      const call_id = newId();
      await computer.run(['bash', '-c', `setsid sleep 1000 & disown; pkill -${signal} deskhand; sleep 1000`], { call_id, wait_ms: 300 });
      const asked = performance.now();
      expect(await computer.kill(call_id)).toEqual({ gone: true });
      expect(performance.now() - asked).toBeLessThan(3_500);
      expect((await computer.bash('pgrep -x sleep; true')).text).toBe('');
      expect((await computer.follow(call_id)).state).toBe('ended');
    }
  });

  it('17: survives tools that kill everything they can', async () => {
    const view = await computer.bash('kill -9 -1');
    expect(view.state).toBe('ended');
    expect((await computer.bash('echo still here')).text).toBe('still here\n');
  });

  it('16: ends what fills the disk, says why, and lets the files be deleted', async () => {
    const { diskBytes } = computerLimits;
    computerLimits.diskBytes = 64 * 1024 * 1024;
    try {
      const call_id = newId();
      await computer.run(['bash', '-c', 'for n in {1..400}; do head -c 2000000 /dev/urandom > /workspace/$n; sleep 0.02; done'], { call_id, wait_ms: 0, timeout_ms: 20_000 });
      const view = await computer.toEnd(call_id, await computer.follow(call_id));
      expect(view.outcome).toMatchObject({ killed: false, contained: expect.stringContaining('disk of the computer is full') });
      expect((await computer.bash('rm -f /workspace/[0-9]*; sleep 4; echo freed')).text).toBe('freed\n');
    } finally {
      computerLimits.diskBytes = diskBytes;
    }
  });

  it('keeps commands and outcomes when the daemon inside dies', async () => {
    const [ended, running] = [newId(), newId()];
    await computer.bash('echo over', { call_id: ended });
    await computer.run(['bash', '-c', 'echo begun; sleep 2; echo done; exit 4'], { call_id: running });
    const exec = await (await container()).exec({ User: 'sandboxd', Cmd: ['pkill', '-9', '-f', '/opt/deskhand/sandboxd.mjs'], AttachStdout: true });
    (await exec.start({ hijack: true, stdin: false })).resume();
    expect(await computer.toEnd(running, await computer.follow(running))).toMatchObject({ text: 'begun\ndone\n', outcome: { exit_code: 4 } });
    expect(await computer.follow(ended)).toMatchObject({ state: 'ended', text: 'over\n' });
    expect((await computer.bash('echo on')).text).toBe('on\n');
  });

  it('reports its health truly', async () => {
    const health = async (): Promise<number | null> => {
      const exec = await (await container()).exec({ User: 'sandboxd', Cmd: ['/opt/deskhand/bin/deskhand-health'], AttachStdout: true });
      const output = await exec.start({ hijack: true, stdin: false });
      await new Promise((resolve) => output.resume().once('end', resolve));
      return (await exec.inspect()).ExitCode;
    };
    expect(await health()).toBe(0);
  });
});
