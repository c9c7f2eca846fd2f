import { DeclaredError } from '@deskhand/contracts';
import Docker from 'dockerode';
import { type ComputerPlan, computerLabel, containerOptions, installationLabel } from './container-options.ts';
import { ExecStream } from './exec-stream.ts';

export type ContainerStatus = 'running' | 'paused' | 'exited' | 'missing';

export interface FoundContainer {
  containerId: string;
  computerId: string;
  status: ContainerStatus;
}

/**
 * The Docker engine, as far as computers need it. Every failure is a `DeclaredError` with `UNAVAILABLE` that says in
 * words what failed and what to do.
 */
export class Engine {
  #docker: Docker;

  constructor(private readonly problem: string | null, docker: Docker = new Docker()) {
    this.#docker = docker;
  }

  /** Resolves when the engine answers. */
  async check(): Promise<void> {
    if (this.problem) throw new DeclaredError('UNAVAILABLE', this.problem);
    await this.#say('The Docker engine does not answer; start it', () => withLimit(this.#docker.ping(), 5_000));
  }

  /** Which engine this is: the same as long as it keeps its data, another on another host. */
  async id(): Promise<string> {
    const { ID } = await this.#say('The Docker engine does not answer; start it', () => withLimit(this.#docker.info() as Promise<{ ID: string }>, 5_000));
    return ID;
  }

  /** Starts a new container; a leftover of the same name is removed first, if `mayReplace` does not object. Returns its id. */
  async create(plan: ComputerPlan, mayReplace: () => Promise<void> = async () => undefined): Promise<string> {
    const options = containerOptions(plan);
    return this.#say('The computer could not be created', async () => {
      const container = await this.#docker.createContainer(options).catch(async (error: DockerFailure) => {
        if (error.statusCode !== 409) throw error;
        await mayReplace();
        await this.#docker.getContainer(options.name).remove({ force: true });
        return this.#docker.createContainer(options);
      });
      try {
        await container.start();
      } catch (error) {
        await container.remove({ force: true }).catch(() => undefined);
        throw error;
      }
      return container.id;
    });
  }

  async status(containerId: string): Promise<ContainerStatus> {
    return this.#say('The computer could not be inspected', async () => {
      try {
        const { State } = await this.#docker.getContainer(containerId).inspect();
        return State.Paused ? 'paused' : State.Running ? 'running' : 'exited';
      } catch (error) {
        if ((error as DockerFailure).statusCode === 404) return 'missing';
        throw error;
      }
    });
  }

  /** Whether the kernel ended the container for want of memory. */
  async ranOutOfMemory(containerId: string): Promise<boolean> {
    const { State } = await this.#say('The computer could not be inspected', () => this.#docker.getContainer(containerId).inspect());
    return State.OOMKilled;
  }

  async pause(containerId: string): Promise<void> {
    await this.#say('The computer could not be paused', () => this.#docker.getContainer(containerId).pause());
  }

  async unpause(containerId: string): Promise<void> {
    await this.#say('The computer could not be woken', () => this.#docker.getContainer(containerId).unpause());
  }

  /** Ends everything in it. One that is not there is fine. */
  async remove(containerId: string): Promise<void> {
    await this.#say('The computer could not be stopped', async () => {
      try {
        await this.#docker.getContainer(containerId).remove({ force: true });
      } catch (error) {
        const { statusCode } = error as DockerFailure;
        if (statusCode === 409) await this.#untilGone(containerId);
        else if (statusCode !== 404) throw error;
      }
    });
  }

  /** Every container of this installation, and of no other. */
  async list(installationId: string): Promise<FoundContainer[]> {
    const containers = await this.#say('The computers could not be listed', () =>
      this.#docker.listContainers({ all: true, filters: { label: [`${installationLabel}=${installationId}`, computerLabel] } }),
    );
    return containers.map(({ Id, Labels, State }) => ({
      containerId: Id, computerId: Labels[computerLabel]!, status: State === 'running' || State === 'paused' ? State : 'exited',
    }));
  }

  /** Runs a program in a container, as a user of the image, joined to a stream. */
  async stream(containerId: string, user: string, argv: string[]): Promise<ExecStream> {
    return this.#say('A stream into the computer could not be opened', async () => {
      const exec = await this.#docker.getContainer(containerId).exec({ Cmd: argv, User: user, AttachStdin: true, AttachStdout: true, AttachStderr: false, Tty: false });
      return new ExecStream(await exec.start({ hijack: true, stdin: true }));
    });
  }

  /** Starts a program in a container, as a user of the image, and leaves it to itself. */
  async launch(containerId: string, user: string, argv: string[]): Promise<void> {
    await this.#say('A program could not be started in the computer', async () => {
      const exec = await this.#docker.getContainer(containerId).exec({ Cmd: argv, User: user, AttachStdin: false, AttachStdout: false, AttachStderr: false });
      await exec.start({ Detach: true });
    });
  }

  /** Runs a program in a container to its end; its exit code. */
  async run(containerId: string, user: string, argv: string[]): Promise<number> {
    return this.#say('A program could not be run in the computer', async () => {
      const exec = await this.#docker.getContainer(containerId).exec({ Cmd: argv, User: user, AttachStdin: false, AttachStdout: true, AttachStderr: true });
      const output = await exec.start({ hijack: true, stdin: false });
      output.resume();
      await new Promise<void>((resolve) => output.once('end', resolve).once('close', resolve));
      return (await exec.inspect()).ExitCode ?? 1;
    });
  }

  /** Runs a program once as root over a folder of the host, in a container of its own without a network. */
  async asRoot(image: string, installationId: string, folder: string, argv: string[]): Promise<void> {
    await this.#say('A workspace could not be prepared', async () => {
      const container = await this.#docker.createContainer({
        Image: image, User: 'root', Entrypoint: argv, Cmd: [], NetworkDisabled: true, Labels: { [installationLabel]: installationId, 'deskhand.helper': 'workspace' },
        Healthcheck: { Test: ['NONE'] },
        HostConfig: { AutoRemove: true, NetworkMode: 'none', CapDrop: ['ALL'], CapAdd: ['CHOWN', 'FOWNER', 'FSETID', 'DAC_OVERRIDE'], SecurityOpt: ['no-new-privileges:true'], ReadonlyRootfs: true, Mounts: [{ Type: 'bind', Source: folder, Target: '/target' }] },
      });
      const ended = container.wait({ condition: 'next-exit' }) as Promise<{ StatusCode: number }>;
      await container.start();
      const { StatusCode } = await ended;
      if (StatusCode !== 0) throw new Error(`the helper ended with code ${StatusCode}`);
    });
  }

  async #untilGone(containerId: string): Promise<void> {
    await withLimit(this.#docker.getContainer(containerId).wait({ condition: 'removed' }), 10_000).catch((error: DockerFailure) => {
      if (error.statusCode !== 404) throw error;
    });
  }

  async #say<T>(what: string, work: () => Promise<T>): Promise<T> {
    if (this.problem) throw new DeclaredError('UNAVAILABLE', this.problem);
    try {
      return await work();
    } catch (error) {
      if (error instanceof DeclaredError) throw error;
      throw new DeclaredError('UNAVAILABLE', `${what}: ${explain(error as DockerFailure)}`, undefined, { cause: error });
    }
  }
}

interface DockerFailure extends Error {
  statusCode?: number;
  code?: string;
  json?: { message?: string };
}

function explain(error: DockerFailure): string {
  if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') return 'the Docker engine does not answer. Start it and try again.';
  if (error.code === 'EACCES') return 'this user may not use the Docker engine. Add it to the group docker, or set DOCKER_HOST.';
  const message = error.json?.message ?? error.message;
  if (error.statusCode === 404 && /no such image/i.test(message)) return 'its image is missing. Build it with npm run build, or set DESKHAND_SANDBOX_IMAGE.';
  if (/no space left/i.test(message)) return 'the disk of the Docker engine is full. Free some space and try again.';
  return message;
}

function withLimit<T>(work: Promise<T>, ms: number): Promise<T> {
  return Promise.race([work, new Promise<never>((_, reject) => setTimeout(() => reject(new Error(`no answer within ${ms / 1000} s`)), ms).unref())]);
}
