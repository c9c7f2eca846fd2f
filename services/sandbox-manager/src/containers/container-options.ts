import type { ContainerCreateOptions, HostConfig } from 'dockerode';
import { seccompProfile } from './seccomp.ts';

export const computerLabel = 'deskhand.computer';
export const installationLabel = 'deskhand.installation';

/** What one computer may use of its host. */
export interface ComputerLimits {
  memoryBytes: number;
  processors: number;
  processes: number;
  /** Of workspace and home together. */
  diskBytes: number;
  inodes: number;
}

export interface ComputerPlan {
  computerId: string;
  installationId: string;
  image: string;
  /** Name of a runtime the engine knows; the engine's own when absent. */
  runtime?: string;
  /** Absolute folders on the engine's host. */
  workspace: string;
  home: string;
  limits: ComputerLimits;
}

/** The API knows this field, its published types do not yet. */
const ownControlGroups = { CgroupnsMode: 'private' } as HostConfig;

const tmpfs = (size: number, rest: string) => `rw,nosuid,nodev,size=${size},${rest}`;

/** Unique on an engine, so that two racers cannot make the same computer twice. */
export function containerName(installationId: string, computerId: string): string {
  return `deskhand-${installationId}-${computerId}`.replace(/[^a-zA-Z0-9_.-]/g, '_');
}

/** Everything that confines a computer, in one place. SECURITY: each line is checked by a test on a real container. */
export function containerOptions(plan: ComputerPlan): ContainerCreateOptions & { name: string } {
  const { limits } = plan;
  return {
    name: containerName(plan.installationId, plan.computerId),
    Image: plan.image,
    Hostname: 'deskhand',
    User: 'sandboxd',
    Labels: { [computerLabel]: plan.computerId, [installationLabel]: plan.installationId },
    NetworkDisabled: true,
    StopTimeout: 2,
    HostConfig: {
      NetworkMode: 'none',
      Privileged: false,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges:true', `seccomp=${seccompProfile()}`],
      ReadonlyRootfs: true,
      IpcMode: 'private',
      ...ownControlGroups,
      PidsLimit: limits.processes,
      Memory: limits.memoryBytes,
      MemorySwap: limits.memoryBytes,
      NanoCpus: Math.round(limits.processors * 1e9),
      // Half of a service's weight: computers together never take a processor from what serves people.
      CpuShares: 512,
      OomScoreAdj: 300,
      ShmSize: 256 * 1024 * 1024,
      Ulimits: [
        { Name: 'nofile', Soft: 8_192, Hard: 8_192 },
        { Name: 'core', Soft: 0, Hard: 0 },
      ],
      Tmpfs: {
        '/tmp': tmpfs(limits.memoryBytes / 2, 'exec,mode=1777'),
        '/var/tmp': tmpfs(limits.memoryBytes / 4, 'exec,mode=1777'),
        '/run': tmpfs(128 * 1024 * 1024, 'noexec,mode=0755,uid=900,gid=900'),
        // The desktop's sockets: sandboxd may enter, the tools may not.
        '/run/desktop': tmpfs(64 * 1024 * 1024, 'noexec,mode=0750,uid=1001,gid=900'),
        '/tmp/.X11-unix': tmpfs(1024 * 1024, 'noexec,mode=0750,uid=1001,gid=900'),
      },
      Mounts: [
        { Type: 'bind', Source: plan.workspace, Target: '/workspace', ReadOnly: false },
        { Type: 'bind', Source: plan.home, Target: '/home/agent', ReadOnly: false },
      ],
      LogConfig: { Type: 'json-file', Config: { 'max-size': '1m', 'max-file': '1' } },
      RestartPolicy: { Name: 'no' },
      ...(plan.runtime && { Runtime: plan.runtime }),
    },
  };
}
