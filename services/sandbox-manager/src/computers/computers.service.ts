import { type ComputerState, DeclaredError, type DesktopLease, type InputOf, newId, type OutputOf, sandbox } from '@deskhand/contracts';
import { Bus, type Closable, Lifecycle, Log, Metrics } from '@deskhand/platform';
import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Engine, type FoundContainer } from '../containers/engine.ts';
import type { ComputerRow } from '../database/entities.ts';
import { managerConfig } from '../manager-config.ts';
import { liveStates } from '../ownership/managers.repository.ts';
import { Ownership } from '../ownership/ownership.service.ts';
import { Workspaces } from '../workspaces/workspaces.ts';
import { Computer } from './computer.ts';
import { ComputersRepository, ComputerTaken } from './computers.repository.ts';
import { GrantChecks } from './grant-checks.ts';
import { mcpEnvironment } from './mcp-environment.ts';

/** A wait is cut to this, so that a manager that died in mid-answer is soon asked again. */
const longestWaitMs = 4_000;
const reconcileAgainMs = 5_000;
const leavingTogetherMs = 500;
const unusedBeforeStopMs = 2_000;
/** A third of the lease: one heartbeat may be lost. */
const beatEveryMs = 2_000;
/** How long a manager tries to have something done to a computer that others have, or had. */
const patienceMs = 57_000;
const askAgainMs = 250;
/** Answers to other managers are kept for their repeats. */
const answerKeptMs = 30_000;
const live: ReadonlySet<ComputerState> = new Set(liveStates);

type Verb = InputOf<typeof sandbox.manage>['verb'];
type ComputerView = OutputOf<typeof sandbox.start>;

/** What else is served for a computer while it is here; `assertHere` throws when it may not be any more. */
type Companion = (computer: Computer, assertHere: () => Promise<void>) => Promise<Closable[]>;

interface Served {
  computer: Computer;
  subscriptions: Closable[];
}

/**
 * Every computer that this manager looks after, and the way to those that another one has. A computer has one manager at
 * a time, by the database; what arrives here for another's is handed on, what nobody has is taken over.
 */
@Injectable()
export class ComputersService implements OnApplicationBootstrap {
  #served = new Map<string, Served>();
  #opening = new Map<string, Promise<Computer>>();
  #answers = new Map<string, Promise<ComputerView | null>>();
  #managing: Closable | null = null;
  #reconciling: NodeJS.Timeout | undefined;
  #beating: NodeJS.Timeout | undefined;
  #reconciled = false;
  readonly #supervised = process.connected;
  /** Who drives the desktop of a computer now. Set by whoever knows, before the first computer is looked after. */
  lease: (computerId: string) => DesktopLease | null = () => null;
  #companions: Companion[] = [];

  constructor(
    private readonly repository: ComputersRepository,
    private readonly engine: Engine,
    private readonly workspaces: Workspaces,
    private readonly grants: GrantChecks,
    private readonly ownership: Ownership,
    private readonly bus: Bus,
    private readonly lifecycle: Lifecycle,
    private readonly log: Log,
    metrics: Metrics,
  ) {
    metrics.add({ name: 'deskhand_computers', help: 'Computers that a manager looks after', type: 'gauge', read: async () => this.#count() });
  }

  #count(): { value: number; labels: { state: string } }[] {
    const counts = new Map<string, number>();
    for (const { computer } of this.#served.values()) counts.set(computer.view.state, (counts.get(computer.view.state) ?? 0) + 1);
    return [...counts].map(([state, value]) => ({ value, labels: { state } }));
  }

  async onApplicationBootstrap(): Promise<void> {
    this.lifecycle.onDrain(40, () => this.#drain());
    await this.ownership.begin();
    this.#managing = await this.bus.serve(sandbox.manage, { manager_id: this.ownership.id }, async ({ computer_id, request_id, verb }) => this.#answerOnce(request_id, () => this.#do(verb, computer_id)));
    await this.#reconcile();
    const beat = async (): Promise<void> => {
      await this.#beat().catch((error: unknown) => this.log.warn('The lease of the computers here could not be renewed', { error }));
      this.#beating = setTimeout(() => void beat(), beatEveryMs);
    };
    this.#beating = setTimeout(() => void beat(), beatEveryMs);
  }

  /** From now on, for every computer that begins to be looked after. */
  alsoServe(companion: Companion): void {
    this.#companions.push(companion);
  }

  /** The computers here that have a container. */
  get awake(): Computer[] {
    return [...this.#served.values()].map(({ computer }) => computer).filter((computer) => computer.view.state === 'ready' || computer.view.state === 'paused');
  }

  /** Starts a computer wherever it belongs. */
  async start(id: string, conversationId: string, userId: string): Promise<ComputerView> {
    const row = await this.repository.ensure(id, conversationId, userId);
    if (row.conversationId !== conversationId || row.userId !== userId) throw new DeclaredError('FORBIDDEN', 'This computer belongs to another conversation');
    return (await this.#do('start', id))!;
  }

  async stop(id: string): Promise<ComputerView> {
    return (await this.#do('stop', id))!;
  }

  async restart(id: string): Promise<ComputerView> {
    return (await this.#do('restart', id))!;
  }

  /** Removes a computer with its files; one that never was is fine. Files on a host that is away go when it comes back. */
  async remove(id: string): Promise<void> {
    await this.#do('remove', id);
  }

  all(): Promise<ComputerRow[]> {
    return this.repository.all();
  }

  /** Does it here or has it done where the computer is. */
  async #do(verb: Verb, id: string): Promise<ComputerView | null> {
    const requestId = newId();
    for (const limit = Date.now() + patienceMs; ; ) {
      try {
        const done = await this.#tryTo(verb, id, requestId);
        if (done !== 'moved') return done;
      } catch (error) {
        if (!(error instanceof ComputerTaken)) throw error;
      }
      if (Date.now() > limit) throw new DeclaredError('UNAVAILABLE', 'The manager of this computer does not answer');
      await new Promise((resolve) => setTimeout(resolve, askAgainMs));
    }
  }

  /** `moved`: whoever had it is gone or going; the next look shows who has it then. */
  async #tryTo(verb: Verb, id: string, request_id: string): Promise<ComputerView | null | 'moved'> {
    if (!this.ownership.certain) await this.#beat();
    const here = this.#served.get(id)?.computer;
    if (here) return this.#perform(verb, here);
    const claim = await this.ownership.claim(id);
    if (claim === null) return this.#withoutRow(verb, id);
    if (claim.type === 'held') return this.#take(verb, claim.row);
    if (claim.type === 'leaving') return 'moved';
    try {
      return await this.bus.request(sandbox.manage, { manager_id: claim.managerId, computer_id: id, request_id, verb });
    } catch (error) {
      if (isUnanswered(error)) return 'moved';
      throw error;
    }
  }

  async #withoutRow(verb: Verb, id: string): Promise<null> {
    if (verb !== 'remove') throw new DeclaredError('NOT_FOUND', 'There is no such computer');
    await this.workspaces.remove(id);
    return null;
  }

  /** Does it to a computer that was just taken over, unless its files are elsewhere: then nobody keeps it. */
  async #take(verb: Verb, row: ComputerRow): Promise<ComputerView | null> {
    const elsewhere = row.host !== null && row.host !== this.ownership.host && !(await this.workspaces.has(row.id));
    if (!elsewhere) return this.#perform(verb, await this.#open(row));
    await this.ownership.giveBack(row, { removed: verb === 'remove' });
    if (verb === 'remove') return null;
    if (verb === 'stop' && !live.has(row.state)) return viewOf(row);
    throw new DeclaredError('UNAVAILABLE', 'The files of this computer are on another host, whose manager does not answer. Start it there, or give all hosts the same folder for workspaces.');
  }

  async #perform(verb: Verb, computer: Computer): Promise<ComputerView | null> {
    const { id } = computer.view;
    if (verb === 'start') await computer.start();
    else if (verb === 'stop') await computer.stop();
    else if (verb === 'restart') await computer.restart();
    else {
      await computer.remove();
      await this.#drop(id, computer);
      this.log.info('A computer was removed', { computer: id });
      return null;
    }
    return viewOf(computer.view);
  }

  /** One answer for all repeats of a question. */
  #answerOnce(requestId: string, work: () => Promise<ComputerView | null>): Promise<ComputerView | null> {
    const known = this.#answers.get(requestId);
    if (known) return known;
    const answer = work();
    this.#answers.set(requestId, answer);
    const forget = (): unknown => setTimeout(() => this.#answers.delete(requestId), answerKeptMs).unref();
    answer.then(forget, forget);
    return answer;
  }

  /** The one object of a computer, whoever asks first; from then on its commands are served here. */
  #open(row: ComputerRow): Promise<Computer> {
    let opening = this.#opening.get(row.id);
    const known = this.#served.get(row.id)?.computer;
    if (!opening && known && known.view.epoch === row.epoch) return Promise.resolve(known);
    if (!opening) {
      opening = this.#serve(row).finally(() => this.#opening.delete(row.id));
      this.#opening.set(row.id, opening);
    }
    return opening;
  }

  async #serve(row: ComputerRow): Promise<Computer> {
    await this.#drop(row.id);
    const { repository, engine, workspaces, log } = this;
    const computer = new Computer(row, { repository, engine, workspaces, log, host: () => this.ownership.host, lease: (id) => this.lease(id) });
    const address = { computer_id: row.id };
    const allowed = async (grant: string): Promise<void> => {
      await this.#assertHere(computer);
      await this.grants.check(grant, row.id, 'computer:run');
    };
    const served: Served = { computer, subscriptions: [] };
    this.#served.set(row.id, served);
    served.subscriptions.push(
      await this.bus.serve(sandbox.run, address, async ({ computer_id: _, grant, wait_ms, mcp_environment, ...command }) => {
        await allowed(grant);
        checkCommand(command);
        const environment = mcp_environment ? { ...command.environment, ...mcpEnvironment(mcp_environment, managerConfig.value.MCP_KEY) } : command.environment;
        return computer.run({ ...command, ...(environment && { environment }) }, Math.min(wait_ms, longestWaitMs));
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
    for (const serve of this.#companions) served.subscriptions.push(...(await serve(computer, () => this.#assertHere(computer))));
    return computer;
  }

  /** Throws `ComputerTaken` when another manager may have it: a process that was stopped for a while asks first. */
  async #assertHere(computer: Computer): Promise<void> {
    if (!this.ownership.certain) await this.#beat();
    if (this.#served.get(computer.view.id)?.computer !== computer) throw new ComputerTaken();
  }

  /** Stops serving a computer. Its container goes on. */
  async #drop(id: string, computer?: Computer): Promise<void> {
    const served = this.#served.get(id);
    if (!served || (computer && served.computer !== computer)) return;
    this.#served.delete(id);
    served.computer.release();
    await Promise.allSettled(served.subscriptions.map((subscription) => subscription.close()));
  }

  /** Renews the lease, lets go of what others have now, and takes over what a manager of this host left. */
  async #beat(): Promise<void> {
    const before = [...this.#served.values()];
    const held = await this.ownership.beat();
    for (const { computer } of before) {
      const { id, epoch } = computer.view;
      if (held.get(id) === epoch || this.#served.get(id)?.computer !== computer) continue;
      this.log.warn('A computer has another manager now', { computer: id });
      await this.#drop(id, computer);
    }
    if (!this.#reconciled || this.lifecycle.draining) return;
    const abandoned = await this.ownership.claimAbandoned();
    if (abandoned.length > 0) void this.#settle(abandoned).catch((error: unknown) => this.log.warn('Computers of another manager could not be taken over', { error }));
  }

  /**
   * Brings rows and containers together: containers that run are taken over, containers that belong to nothing are
   * removed, rows whose container is gone become stopped. Only this installation's, and of these only what no other
   * manager has; workspaces are never touched. Without an engine it is tried again later, and the service works meanwhile.
   */
  async #reconcile(): Promise<void> {
    try {
      await this.engine.check();
      if (this.ownership.host === null && !(await this.ownership.findHost())) throw new Error('The engine does not say who it is');
      const containers = await this.engine.list(managerConfig.value.INSTALLATION_ID);
      await this.ownership.claimAbandoned(containers.map(({ computerId }) => computerId));
      // Read after the containers: a row is there before its container is.
      const rows = await this.repository.all();
      const adopted = await this.#settle(rows.filter(({ managerId }) => managerId === this.ownership.id), containers);
      const orphans = containers.filter((container) => !adopted.has(container.containerId) && this.#isOrphan(container, rows));
      await Promise.all(orphans.map(({ containerId }) => this.engine.remove(containerId)));
      if (adopted.size + orphans.length > 0) this.log.info('Computers were reconciled', { adopted: adopted.size, removed: orphans.length });
      this.#reconciled = true;
    } catch (error) {
      this.log.warn('Computers could not be reconciled yet', { error });
      this.#reconciling = setTimeout(() => void this.#reconcile(), reconcileAgainMs);
    }
  }

  /** Nobody's, this manager's own leftover, or of a computer that has moved to another host. */
  #isOrphan({ computerId, containerId }: FoundContainer, rows: readonly ComputerRow[]): boolean {
    const row = rows.find(({ id }) => id === computerId);
    if (!row || row.managerId === this.ownership.id) return true;
    return row.host !== null && row.host !== this.ownership.host && row.containerId !== containerId;
  }

  /** Goes on with computers that this manager has just got. The ids of the containers that were taken over. */
  async #settle(rows: readonly ComputerRow[], found?: readonly FoundContainer[]): Promise<Set<string>> {
    const containers = found ?? (await this.engine.list(managerConfig.value.INSTALLATION_ID));
    const adopted = new Set<string>();
    for (const row of rows) {
      const container = containers.find(({ computerId, status }) => computerId === row.id && (status === 'running' || status === 'paused'));
      const goOn = async (): Promise<unknown> => {
        if (row.removedAt !== null) return this.#perform('remove', await this.#open(row));
        if (container) return this.#adopt(row, container);
        return live.has(row.state) && !this.#served.has(row.id) && this.repository.change(row, { state: 'stopped', containerId: null });
      };
      if (container) adopted.add(container.containerId);
      await goOn().catch((error: unknown) => this.log.warn('A computer could not be taken over', { computer: row.id, error }));
    }
    return adopted;
  }

  async #adopt(row: ComputerRow, { containerId, status }: FoundContainer): Promise<void> {
    const known = this.#served.has(row.id);
    const computer = await this.#open(row);
    // One that sleeps is left asleep; the stream is opened when somebody wants it.
    if (known || (status === 'paused' && row.state === 'paused' && row.containerId === containerId)) return;
    computer.adopt(containerId).catch((error: unknown) => this.log.warn('A computer could not be taken over', { computer: row.id, error }));
  }

  /**
   * Computers that nobody uses stop with the product, which ends with its last manager. One that works goes on and is
   * taken over by another manager or the next one, as are all when the supervisor has died.
   */
  async #drain(): Promise<void> {
    clearTimeout(this.#reconciling);
    clearTimeout(this.#beating);
    let othersStay = await this.ownership.leave();
    // The product's end reaches all managers at about the same time, and each of them first.
    if (othersStay) {
      await new Promise((resolve) => setTimeout(resolve, leavingTogetherMs));
      othersStay = await this.ownership.leave();
    }
    await this.#managing?.close();
    await Promise.allSettled([...this.#served.values()].flatMap(({ subscriptions }) => subscriptions).map((subscription) => subscription.close()));
    const orphaned = this.#supervised && !process.connected;
    if (!orphaned && !othersStay) {
      const unused = Date.now() - unusedBeforeStopMs;
      await Promise.allSettled(this.awake.map(async (computer) => {
        if (computer.view.state === 'paused' || (await computer.running()) === 0) await computer.stop(unused);
      }));
    }
    for (const { computer } of this.#served.values()) computer.release();
    await this.ownership.end();
  }
}

/** Nobody was there, or said anything yet. What a manager itself answered has no cause. */
function isUnanswered(error: unknown): boolean {
  return error instanceof DeclaredError && (error.code === 'TIMEOUT' || (error.code === 'UNAVAILABLE' && error.cause !== undefined));
}

export function viewOf(row: Readonly<ComputerRow>): ComputerView {
  return {
    computer_id: row.id, state: row.state, ...(row.step !== null && { step: row.step }), ...(row.error !== null && { error: row.error }),
    started_at: row.startedAt === null ? null : new Date(row.startedAt).toISOString(),
  };
}

/** What the engine's side could not take, refused before anything starts. */
function checkCommand({ argv, cwd, environment }: { argv: string[]; cwd?: string; environment?: Record<string, string> }): void {
  const texts = [...argv, cwd ?? '/', ...Object.entries(environment ?? {}).flat()];
  if (texts.some((text) => text.includes('\0'))) throw new DeclaredError('BAD_INPUT', 'Arguments, folders and variables may not hold NUL');
  if (argv[0] === '') throw new DeclaredError('BAD_INPUT', 'The program has no name');
  if (cwd !== undefined && !cwd.startsWith('/')) throw new DeclaredError('BAD_INPUT', 'The working directory must be absolute');
  if (Object.keys(environment ?? {}).some((name) => name === '' || name.includes('='))) throw new DeclaredError('BAD_INPUT', 'A variable has no usable name');
}
