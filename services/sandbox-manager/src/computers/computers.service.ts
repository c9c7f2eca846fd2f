import { type ComputerState, DeclaredError, sandbox } from '@deskhand/contracts';
import { Bus, type Closable, Lifecycle, Log } from '@deskhand/platform';
import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Engine } from '../containers/engine.ts';
import type { ComputerRow } from '../database/entities.ts';
import { managerConfig } from '../manager-config.ts';
import { Workspaces } from '../workspaces/workspaces.ts';
import { Computer } from './computer.ts';
import { ComputersRepository } from './computers.repository.ts';
import { GrantChecks } from './grant-checks.ts';

/** A wait is cut to this, so that a manager that died in mid-answer is soon asked again. */
const longestWaitMs = 4_000;
const reconcileAgainMs = 5_000;
const unusedBeforeStopMs = 2_000;
/** States in which a computer has a container, or should. */
const live: ReadonlySet<ComputerState> = new Set(['starting', 'ready', 'paused', 'stopping']);

/** Every computer that this manager looks after. */
@Injectable()
export class ComputersService implements OnApplicationBootstrap {
  #computers = new Map<string, Computer>();
  #opening = new Map<string, Promise<Computer>>();
  #serving: Closable[] = [];
  #reconciling: NodeJS.Timeout | undefined;

  constructor(
    private readonly repository: ComputersRepository,
    private readonly engine: Engine,
    private readonly workspaces: Workspaces,
    private readonly grants: GrantChecks,
    private readonly bus: Bus,
    private readonly lifecycle: Lifecycle,
    private readonly log: Log,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    this.lifecycle.onDrain(40, () => this.#drain());
    await this.#reconcile();
  }

  /** The computers that have a container. */
  get awake(): Computer[] {
    return [...this.#computers.values()].filter((computer) => computer.view.state === 'ready' || computer.view.state === 'paused');
  }

  async start(id: string, conversationId: string, userId: string): Promise<Computer> {
    const row = await this.repository.ensure(id, conversationId, userId);
    if (row.conversationId !== conversationId || row.userId !== userId) throw new DeclaredError('FORBIDDEN', 'This computer belongs to another conversation');
    const computer = await this.#open(row);
    await computer.start();
    return computer;
  }

  async get(id: string): Promise<Computer> {
    const known = this.#computers.get(id);
    if (known) return known;
    const row = await this.repository.find(id);
    if (row === null) throw new DeclaredError('NOT_FOUND', 'There is no such computer');
    return this.#open(row);
  }

  all(): Promise<ComputerRow[]> {
    return this.repository.all();
  }

  /** Removes a computer with its files; one that never was is fine. */
  async remove(id: string): Promise<void> {
    const row = await this.repository.find(id);
    if (row === null) return this.workspaces.remove(id);
    const computer = await this.#open(row);
    await computer.remove();
    this.#computers.delete(id);
    this.log.info('A computer was removed', { computer: id });
  }

  /** The one object of a computer, whoever asks first; from then on its commands are served here. */
  #open(row: ComputerRow): Promise<Computer> {
    const known = this.#computers.get(row.id);
    if (known) return Promise.resolve(known);
    let opening = this.#opening.get(row.id);
    if (!opening) {
      opening = this.#serve(row).finally(() => this.#opening.delete(row.id));
      this.#opening.set(row.id, opening);
    }
    return opening;
  }

  async #serve(row: ComputerRow): Promise<Computer> {
    const { repository, engine, workspaces, log } = this;
    const computer = new Computer(row, { repository, engine, workspaces, log });
    const address = { computer_id: row.id };
    const allowed = (grant: string) => this.grants.check(grant, row.id, 'computer:run');
    this.#serving.push(
      await this.bus.serve(sandbox.run, address, async ({ computer_id: _, grant, wait_ms, ...command }) => {
        await allowed(grant);
        checkCommand(command);
        return computer.run(command, Math.min(wait_ms, longestWaitMs));
      }),
      await this.bus.serve(sandbox.follow, address, async ({ grant, call_id, offset, wait_ms }) => {
        await allowed(grant);
        return computer.follow(call_id, offset, Math.min(wait_ms, longestWaitMs));
      }),
      await this.bus.serve(sandbox.kill, address, async ({ grant, call_id }) => {
        await allowed(grant);
        return computer.kill(call_id);
      }),
    );
    this.#computers.set(row.id, computer);
    return computer;
  }

  /**
   * Brings rows and containers together: containers that run are taken over, containers that belong to nothing are
   * removed, rows whose container is gone become stopped. Only this installation's; workspaces are never touched.
   * Without an engine it is tried again later, and the service works meanwhile.
   */
  async #reconcile(): Promise<void> {
    const rows = await this.repository.all();
    try {
      await this.engine.check();
      const containers = await this.engine.list(managerConfig.value.INSTALLATION_ID);
      const owned = new Set<string>();
      for (const row of rows) {
        const mine = containers.filter((container) => container.computerId === row.id);
        const container = mine.find(({ status }) => status === 'running' || status === 'paused');
        if (container) await this.#adopt(row, container.containerId, container.status === 'paused', owned);
        else if (live.has(row.state)) await this.repository.change(row.id, { state: 'stopped', containerId: null });
      }
      const orphans = containers.filter(({ containerId }) => !owned.has(containerId));
      await Promise.all(orphans.map(({ containerId }) => this.engine.remove(containerId)));
      if (owned.size + orphans.length > 0) this.log.info('Computers were reconciled', { adopted: owned.size, removed: orphans.length });
    } catch (error) {
      this.log.warn('Computers could not be reconciled yet', { error });
      this.#reconciling = setTimeout(() => void this.#reconcile(), reconcileAgainMs);
    }
  }

  async #adopt(row: ComputerRow, containerId: string, paused: boolean, owned: Set<string>): Promise<void> {
    owned.add(containerId);
    const known = this.#computers.has(row.id);
    const computer = await this.#open(row);
    // One that sleeps is left asleep; the stream is opened when somebody wants it.
    if (known || (paused && row.state === 'paused' && row.containerId === containerId)) return;
    computer.adopt(containerId).catch((error: unknown) => this.log.warn('A computer could not be taken over', { computer: row.id, error }));
  }

  /**
   * Computers that nobody uses stop with the product. One that works goes on and is taken over by the next manager, as
   * are all when this process ends for another reason than the product's end.
   */
  async #drain(): Promise<void> {
    clearTimeout(this.#reconciling);
    await Promise.allSettled(this.#serving.map((served) => served.close()));
    if (process.connected) {
      const unused = Date.now() - unusedBeforeStopMs;
      await Promise.allSettled(this.awake.map(async (computer) => {
        if (computer.view.state === 'paused' || (await computer.running()) === 0) await computer.stop(unused);
      }));
    }
    for (const computer of this.#computers.values()) computer.release();
  }
}

/** What the engine's side could not take, refused before anything starts. */
function checkCommand({ argv, cwd, environment }: { argv: string[]; cwd?: string; environment?: Record<string, string> }): void {
  const texts = [...argv, cwd ?? '/', ...Object.entries(environment ?? {}).flat()];
  if (texts.some((text) => text.includes('\0'))) throw new DeclaredError('BAD_INPUT', 'Arguments, folders and variables may not hold NUL');
  if (argv[0] === '') throw new DeclaredError('BAD_INPUT', 'The program has no name');
  if (cwd !== undefined && !cwd.startsWith('/')) throw new DeclaredError('BAD_INPUT', 'The working directory must be absolute');
  if (Object.keys(environment ?? {}).some((name) => name === '' || name.includes('='))) throw new DeclaredError('BAD_INPUT', 'A variable has no usable name');
}
