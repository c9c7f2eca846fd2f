/**
 * The system calls a computer may make: a list of what is allowed, in the form that Docker takes. Anything else is
 * `EPERM`; what programs probe for and can do without is `ENOSYS`, so that they fall back. 32-bit calls are not listed
 * for any architecture and end their process.
 */
const groups: Record<string, string> = {
  files: `access chdir chmod chown chown32 close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2 fadvise64 fallocate fchdir fchmod fchmodat fchmodat2
    fchown fchownat fcntl fdatasync fgetxattr flistxattr flock fremovexattr fsetxattr fstat fstatfs fsync ftruncate futimesat getcwd getdents getdents64 getxattr
    inotify_add_watch inotify_init inotify_init1 inotify_rm_watch lchown lgetxattr link linkat listxattr llistxattr lremovexattr lseek lsetxattr lstat mkdir mkdirat mknod
    mknodat newfstatat open openat openat2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv removexattr rename renameat renameat2
    rmdir sendfile setxattr splice stat statfs statx symlink symlinkat sync sync_file_range syncfs tee truncate umask unlink unlinkat utime utimensat utimes vmsplice write writev
    getxattrat setxattrat listxattrat removexattrat cachestat`,
  memory: `brk madvise membarrier memfd_create memfd_secret mincore mlock mlock2 mlockall mmap mprotect mremap mseal msync munlock munlockall munmap pkey_alloc pkey_free
    pkey_mprotect process_madvise process_mrelease remap_file_pages map_shadow_stack get_mempolicy`,
  processes: `arch_prctl capget capset execve execveat exit exit_group fork futex futex_wait futex_wake futex_requeue futex_waitv get_robust_list get_thread_area getcpu getegid
    geteuid getgid getgroups getitimer getpgid getpgrp getpid getppid getpriority getresgid getresuid getrlimit getrusage getsid gettid getuid kill pause pidfd_getfd
    pidfd_open pidfd_send_signal prctl prlimit64 process_vm_readv process_vm_writev ptrace restart_syscall rseq rt_sigaction rt_sigpending rt_sigprocmask
    rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr
    sched_getparam sched_getscheduler sched_rr_get_interval sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield seccomp set_robust_list
    set_thread_area set_tid_address setfsgid setfsuid setgid setgroups setitimer setpgid setpriority setregid setresgid setresuid setreuid setrlimit setsid setuid
    sigaltstack tgkill tkill vfork wait4 waitid ioprio_get ioprio_set landlock_create_ruleset landlock_add_rule landlock_restrict_self`,
  waiting: `alarm clock_getres clock_gettime clock_nanosleep epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd eventfd2 gettimeofday nanosleep
    pipe pipe2 poll ppoll pselect6 select signalfd signalfd4 time timer_create timer_delete timer_getoverrun timer_gettime timer_settime timerfd_create timerfd_gettime
    timerfd_settime times io_cancel io_destroy io_getevents io_pgetevents io_setup io_submit ioctl`,
  sockets: `accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg recvmsg send sendmmsg sendmsg sendto setsockopt shutdown`,
  messages: `mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink msgctl msgget msgrcv msgsnd semctl semget semop semtimedop shmat shmctl shmdt shmget`,
  system: `getrandom sysinfo uname`,
};

/** Probed for by C libraries and runtimes, which fall back when they are told that there is no such call. */
const absent = 'clone3 io_uring_setup io_uring_enter io_uring_register rseq_slice_yield set_mempolicy set_mempolicy_home_node mbind name_to_handle_at statmount listmount uretprobe';

/** New namespaces of any kind: cgroup, ipc, mount, net, pid, user, uts. */
const namespaceFlags = 0x7e020000;
const sockets = { unix: 1, internet: 2, internet6: 10, netlink: 16 };
/** What `personality` may be asked for: Linux, 32-bit addresses, no randomisation, the two together, and what it is now. */
const personalities = [0x0, 0x0008, 0x20000, 0x40000, 0x20008, 0xffffffff];

interface Rule {
  names: string[];
  action: 'SCMP_ACT_ALLOW' | 'SCMP_ACT_ERRNO';
  errnoRet?: number;
  args?: { index: number; value: number; valueTwo?: number; op: 'SCMP_CMP_EQ' | 'SCMP_CMP_MASKED_EQ' }[];
}

const words = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '');
const enosys = 38;

/** The profile as JSON text, as `--security-opt seccomp=` takes it over the API. */
export function seccompProfile(): string {
  const rules: Rule[] = [
    { names: words(Object.values(groups).join(' ')), action: 'SCMP_ACT_ALLOW' },
    { names: ['clone'], action: 'SCMP_ACT_ALLOW', args: [{ index: 0, value: namespaceFlags, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }] },
    ...Object.values(sockets).map((value): Rule => ({ names: ['socket'], action: 'SCMP_ACT_ALLOW', args: [{ index: 0, value, op: 'SCMP_CMP_EQ' }] })),
    { names: ['socketpair'], action: 'SCMP_ACT_ALLOW', args: [{ index: 0, value: sockets.unix, op: 'SCMP_CMP_EQ' }] },
    ...personalities.map((value): Rule => ({ names: ['personality'], action: 'SCMP_ACT_ALLOW', args: [{ index: 0, value, op: 'SCMP_CMP_EQ' }] })),
    { names: words(absent), action: 'SCMP_ACT_ERRNO', errnoRet: enosys },
  ];
  return JSON.stringify({
    defaultAction: 'SCMP_ACT_ERRNO',
    archMap: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_AARCH64'].map((architecture) => ({ architecture, subArchitectures: [] })),
    syscalls: rules,
  });
}
