// What a model may do inside its computer, tried through the whole product. The numbers are those of the security bar.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { percentile } from '../../bench/benchmark.ts';
import { surroundings, type Surroundings } from '../../bench/support/surroundings.ts';
import type { Client } from '../client/client.ts';
import { docker } from '../product.ts';
import { computerOf, shell, tell, toldModel } from '../told-model.ts';

let place: Surroundings;
let client: Client;
let conversation: string;

beforeAll(async () => {
  place = await surroundings(toldModel);
  client = await place.user();
  conversation = (await client.conversation()).id;
  await tell(client, conversation, [shell('true')]);
});
afterAll(async () => place?.[Symbol.asyncDispose]());

const container = async () => (await docker('ps', '--quiet', '--no-trunc', '--filter', `label=deskhand.computer=${await computerOf(client, conversation)}`)).trim();
const output = async (command: string) => (await tell(client, conversation, [shell(command)])).outputs[0];

/** The slowest twentieth of answers to /health while the work goes on, milliseconds. */
async function healthDuring(work: Promise<unknown>): Promise<number> {
  const times: number[] = [];
  let going = true;
  const over = work.finally(() => (going = false));
  over.catch(() => {});
  while (going) {
    const asked = performance.now();
    expect((await fetch(`${place.product.webUrl}/health`)).status).toBe(200);
    times.push(performance.now() - asked);
    await sleep(25);
  }
  await over;
  return percentile(times, 0.95);
}

interface Inspected {
  Config: { User: string; Env: string[] };
  HostConfig: Record<string, unknown> & { Memory: number; SecurityOpt: string[] };
  Mounts: { Source: string; Destination: string }[];
  NetworkSettings: { Networks: Record<string, unknown> };
}

describe('a conversation\'s computer', () => {
  it('BOX-1 SECURITY 14: is confined by the word of the engine, and knows no secret', async () => {
    const computer = await computerOf(client, conversation);
    const inspected = await docker('inspect', await container());
    const [{ Config, HostConfig, Mounts, NetworkSettings }] = JSON.parse(inspected) as [Inspected];
    expect(HostConfig).toMatchObject({ Privileged: false, CapDrop: ['ALL'], ReadonlyRootfs: true, NetworkMode: 'none', PidMode: '', UTSMode: '', UsernsMode: '', IpcMode: 'private', MemorySwap: HostConfig.Memory });
    for (const limit of ['Memory', 'NanoCpus', 'PidsLimit']) expect([limit, HostConfig[limit]]).toEqual([limit, expect.toSatisfy((value: number) => value > 0)]);
    for (const list of ['CapAdd', 'Devices', 'Binds']) expect(HostConfig[list] ?? []).toEqual([]);
    expect(HostConfig.SecurityOpt).toContain('no-new-privileges:true');
    expect(HostConfig.SecurityOpt.find((option) => option.startsWith('seccomp='))).toMatch(/SCMP_ACT_ERRNO/);
    expect(Config.User).not.toMatch(/^(|0|root)$/);
    const folder = `${place.product.dataFolder}/workspaces/${computer}`;
    expect(Mounts.map(({ Source, Destination }) => `${Source} ${Destination}`).sort()).toEqual([`${folder}/home /home/agent`, `${folder}/workspace /workspace`]);
    expect(Object.keys(NetworkSettings.Networks).filter((name) => name !== 'none')).toEqual([]);
    const seen = await output('env; cat /proc/*/environ 2>/dev/null | tr "\\0" "\\n"');
    for (const text of [inspected, seen]) for (const secret of [place.product.llmKey, 'sk-test-0123456789', client.token, 'nats://']) expect(text).not.toContain(secret);
  });

  it('BOX-1 SECURITY 14: has no network: no route, no names, no socket of the engine', async () => {
    expect(await output('ls /sys/class/net; ls /var/run/docker.sock 2>&1; getent hosts example.org || echo no names')).toMatch(/^lo\n.*No such file.*\nno names\n$/);
    const targets = [['169.254.169.254', 80], ['172.17.0.1', new URL(place.product.natsUrl).port], ['8.8.8.8', 53], ['127.0.0.1', new URL(place.product.webUrl).port]];
    for (const [host, port] of targets) expect(await output(`timeout 5 bash -c 'echo > /dev/tcp/${host}/${port}' 2>&1 && echo connected`)).toMatch(/unreachable|refused/);
  });

  it('BOX-1 SECURITY 15: is refused the system calls it has no use for', async () => {
    const text = await output(`
      mount -t tmpfs none /mnt 2>&1; unshare -Ur true 2>&1; unshare -n true 2>&1; mknod /tmp/device c 1 3 2>&1; chroot / true 2>&1
      echo x 2>&1 > /proc/sys/kernel/hostname; echo x 2>&1 > /etc/passwd; strace -p 1 2>&1 | head -1
      python3 - <<'PYTHON'
import ctypes, errno, platform, socket
libc = ctypes.CDLL(None, use_errno=True)
numbers = dict(keyctl=(250, 219), bpf=(321, 280), io_uring_setup=(425, 425), userfaultfd=(323, 282), setns=(308, 268), perf_event_open=(298, 241))
for name, pair in numbers.items():
    done = libc.syscall(pair[platform.machine() == 'aarch64'], 0, 0, 0, 0, 0)
    print(name, 'DONE' if done >= 0 else errno.errorcode[ctypes.get_errno()])
for family in (17, 40):
    try:
        socket.socket(family, socket.SOCK_RAW if family == 17 else socket.SOCK_STREAM)
        print('socket', family, 'DONE')
    except OSError as error:
        print('socket', family, errno.errorcode[error.errno])
PYTHON
      id -u; grep -c . /etc/passwd >/dev/null && ls -l /tmp/device 2>&1`);
    expect(text).not.toContain('DONE');
    expect(text?.match(/^(keyctl|bpf|io_uring_setup|userfaultfd|setns|perf_event_open|socket 17|socket 40) (EPERM|EACCES|ENOSYS)$/gm)).toHaveLength(8);
    expect(text).toMatch(/\n1000\n.*\/tmp\/device.*No such file/);
    expect(await output('head -c 5 /etc/passwd')).toBe('root:');
  });
});

describe('a computer that goes wild', () => {
  // Each: what it says, and that the product answers meanwhile and the computer works afterwards.
  const bombs = [
    ['a fork bomb', ':(){ :|:& };: ; sleep 60', { timeout_seconds: 4 }, /timed out|processes/],
    ['a memory bomb', 'python3 -c "x = []\nwhile True: x.append(bytearray(64_000_000))"', {}, /ended by the computer: .*memory/],
    ['a gigabyte on stdout', 'echo first; yes 0123456789abcdef | head -c 1000000000; echo; echo last', {}, /^first\n[\s\S]*bytes of output left out here\][\s\S]*\nlast\n$/],
    ['an endless flood', 'yes flood', { timeout_seconds: 4 }, /\[timed out after 4 seconds/],
    ['burning processors', 'for i in 1 2 3 4 5 6 7 8; do (while :; do :; done) & done; wait', { timeout_seconds: 4 }, /\[timed out after 4 seconds/],
  ] as const;

  it.each(bombs)('BOX-1 SECURITY 16: %s is contained and says why, while the product answers and the next command works', async (_, command, more, says) => {
    const other = (await client.conversation()).id;
    const wild = tell(client, conversation, [shell(command, more)]);
    const [p95, turn, neighbour] = await Promise.all([healthDuring(wild), wild, tell(client, other, [shell('echo beside')])]);
    expect(turn.reason).toBe('completed');
    expect(turn.outputs[0]).toMatch(says);
    expect(turn.outputs[0]!.length).toBeLessThan(100_000);
    expect(neighbour.outputs).toEqual(['beside\n']);
    expect(await output('echo on; ps -u agent --no-headers | wc -l')).toMatch(/^on\n\s*\d\d?\n$/);
    console.info(`p95 of /health: ${Math.round(p95)} ms`);
    expect(p95).toBeLessThan(150);
  });
});
