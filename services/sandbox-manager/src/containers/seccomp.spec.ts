import { describe, expect, it } from 'vitest';
import { seccompProfile } from './seccomp.ts';

interface Profile {
  defaultAction: string;
  syscalls: { names: string[]; action: string; args?: unknown[]; errnoRet?: number }[];
}

describe('the seccomp profile', () => {
  const profile = JSON.parse(seccompProfile()) as Profile;
  const always = profile.syscalls.filter(({ action, args }) => action === 'SCMP_ACT_ALLOW' && !args).flatMap(({ names }) => names);

  it('refuses what it does not list', () => {
    expect(profile.defaultAction).toBe('SCMP_ACT_ERRNO');
  });

  it('names every call once', () => {
    expect(always.filter((name, index) => always.indexOf(name) !== index)).toEqual([]);
    const absent = profile.syscalls.filter(({ errnoRet }) => errnoRet !== undefined).flatMap(({ names }) => names);
    expect(absent.filter((name) => always.includes(name))).toEqual([]);
  });

  it('never allows these without looking at their arguments, or at all', () => {
    const refused = 'clone clone3 socket socketpair personality mount umount2 unshare setns pivot_root chroot bpf keyctl add_key request_key userfaultfd io_uring_setup perf_event_open open_by_handle_at init_module finit_module kexec_load reboot';
    for (const name of refused.split(' ')) expect(always).not.toContain(name);
  });
});
