import { join } from 'node:path';
import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { agent, DeclaredError, livePublished, llm, newId, runInterrupted, runs, runsWaiting, type ClaimedRun } from '@deskhand/contracts';
import { BlobStore, Bus, Lifecycle, Log, Metrics, type Closable } from '@deskhand/platform';
import { AddressPolicy, guardedFetch } from '@deskhand/platform/outgoing';
import { agentConfig } from '../configuration.ts';
import type { RunPorts } from '../loop/ports.ts';
import { goOn } from '../loop/run.ts';
import { remoteLimits, RemoteSessions } from '../mcp/remote-sessions.ts';
import { GatewayModels } from '../models/gateway-model.ts';
import { BlobPictures } from './blob-pictures.ts';
import { BusComputer } from './bus-computer.ts';
import { BusJournal } from './bus-journal.ts';
import { ForeseenRoutes } from './foreseen-routes.ts';
import { withFullHistory } from './full-history.ts';
import { HeldRun } from './held-run.ts';
import { LiveBlocks } from './live-blocks.ts';
import { UnsavedWords } from './unsaved-words.ts';

/** Runs that one worker holds at a time. */
const maximumRuns = 64;
const sweepMs = 2_000;
const heartbeatMs = 2_500;
const saveMs = 700;
/** How long runs get to reach a safe point when the worker leaves. */
const graceMs = 2_500;

const now = () => performance.now();
const sleep = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds));

/** Claims runs and takes them on, any number of workers side by side. Everything it knows is in the journal. */
@Injectable()
export class RunWorker implements OnApplicationBootstrap {
  /** Anew with every process, so that answers to one that died never reach its successor. */
  readonly id = newId();
  private readonly runs = new Map<string, { held: HeldRun; done: Promise<void> }>();
  private readonly draining = new AbortController();
  private readonly blocks: LiveBlocks;
  private readonly unsaved: UnsavedWords;
  private readonly routes: ForeseenRoutes;
  private readonly remote: RemoteSessions;
  private readonly timers: NodeJS.Timeout[] = [];
  private readonly subscriptions: Closable[] = [];
  private claiming = false;
  private claimAgain = false;
  /** Somebody may wait for a hand to become free. */
  private full = false;
  private beating = false;

  constructor(private readonly bus: Bus, private readonly log: Log, private readonly lifecycle: Lifecycle, private readonly blobs: BlobStore, metrics: Metrics) {
    metrics.add({ name: 'deskhand_worker_runs', help: 'Runs that a worker holds', type: 'gauge', read: async () => [{ value: this.runs.size }] });
    const { DATA_DIR: folder, ALLOWED_PRIVATE_HOSTS: allowed, MCP_KEY: key } = agentConfig.value;
    this.remote = new RemoteSessions(guardedFetch(new AddressPolicy(allowed), remoteLimits), key);
    this.unsaved = new UnsavedWords(folder === undefined ? null : join(folder, 'unsaved-words.json'), this.id);
    this.routes = new ForeseenRoutes(async (question) => this.bus.request(llm.resolve, question), now);
    this.blocks = new LiveBlocks(
      (run, delta) => void this.bus.emit(livePublished, delta, { user: run.user_id, conversation: run.conversation_id }).catch(() => {}),
      async (blocks) => this.bus.request(runs.checkpoint, { worker_id: this.id, blocks }),
      now,
      this.unsaved,
    );
  }

  async onApplicationBootstrap(): Promise<void> {
    this.subscriptions.push(
      await this.bus.serve(agent.blocks, { worker_id: this.id }, async ({ run_id }) => {
        const blocks = this.blocks.read(run_id);
        if (blocks === null) throw new DeclaredError('NOT_FOUND', 'This worker does not hold the run');
        return { blocks };
      }),
      await this.bus.subscribe(runsWaiting, {}, ({ run_id, asks }) => {
        void this.claim();
        if (asks !== undefined && this.runs.size < maximumRuns && !this.draining.signal.aborted) this.routes.foresee({ run_id, ...asks });
      }),
      await this.bus.subscribe(runInterrupted, {}, ({ run_id }) => this.runs.get(run_id)?.held.interrupt()),
    );
    this.bus.onReconnect(() => void this.claim());
    this.timers.push(
      setInterval(() => void this.claim(), sweepMs),
      setInterval(() => void this.beat(), heartbeatMs),
      setInterval(() => void this.blocks.save(), saveMs),
    );
    this.lifecycle.onDrain(10, async () => this.drain());
    // Not awaited: the service is ready without it, and leases end by themselves.
    void this.begin();
  }

  /** Frees what this worker's predecessor held when it died, then takes what there is. */
  private async begin(): Promise<void> {
    try {
      // In the name of the one before, which holds its runs until it is said that it is gone.
      for (const words of this.unsaved.left()) await this.bus.request(runs.checkpoint, words);
      this.unsaved.forget();
      await this.bus.request(runs.begin, { worker_id: this.id, instance: agentConfig.value.SERVICE_INSTANCE });
    } catch (error) {
      this.log.warn('Runs of the worker before could not be freed; their leases will end', { error });
    }
    await this.claim();
  }

  /** Takes what may go on, as far as there are hands. One claim at a time; what wakes it meanwhile is not forgotten. */
  private async claim(): Promise<void> {
    if (this.claiming) {
      this.claimAgain = true;
      return;
    }
    this.claiming = true;
    try {
      do {
        this.claimAgain = false;
        this.full = this.runs.size >= maximumRuns;
        if (this.full || this.draining.signal.aborted) return;
        // A claim makes words of the one before worthless, also when both are this worker's.
        if (this.unsaved.any) await this.blocks.save();
        const askedAt = now();
        // One by one: a run comes with its history, and an answer must fit into one message.
        const claimed = await this.bus.request(runs.claim, { worker_id: this.id, slots: 1 });
        for (const run of claimed.runs) await this.take(run, askedAt);
        if (claimed.more) this.claimAgain = true;
      } while (this.claimAgain);
    } catch (error) {
      // The sweep comes back to it; a claim whose answer was lost ends with its lease.
      this.log.debug('Runs could not be claimed', { error });
    } finally {
      this.claiming = false;
    }
  }

  private async take(run: ClaimedRun, askedAt: number): Promise<void> {
    if (this.draining.signal.aborted) return this.release([run]);
    // A claim of the same run with a later epoch: what an earlier one still does here is over.
    this.runs.get(run.run_id)?.held.abandon();
    this.blocks.drop(run.run_id);
    const held = new HeldRun(run, this.draining.signal, askedAt, now);
    const entry = { held, done: Promise.resolve() };
    this.runs.set(run.run_id, entry);
    entry.done = this.work(held).finally(async () => {
      held.abandon();
      // Its lease ended while nobody answered: as long as nobody else has it, its words can still be saved.
      if (this.unsaved.any && !this.draining.signal.aborted) await this.blocks.save();
      if (this.runs.get(run.run_id) !== entry) return;
      this.runs.delete(run.run_id);
      this.blocks.drop(run.run_id);
      // The next one of its branch comes with a word of its own.
      if (this.full) void this.claim();
    });
  }

  private async work(held: HeldRun): Promise<void> {
    const log = this.log.child({ run: held.run.run_id, epoch: held.run.epoch });
    try {
      const outcome = await goOn(await withFullHistory(this.bus, held.run), this.portsOf(held));
      if (outcome.type === 'fault') log.error('A run failed for a reason of ours', { error: outcome.error });
      else log.debug(`The run is ${outcome.type}`);
      if (outcome.type === 'released') await this.release([held.run]);
    } catch (error) {
      log.error('A run could not be taken on', { error });
      await this.release([held.run]);
    }
  }

  private portsOf(held: HeldRun): RunPorts {
    const { user_id, conversation_id, run_id, provider, model_name } = held.run;
    return {
      journal: new BusJournal(this.bus, held),
      computer: new BusComputer(this.bus, held),
      pictures: new BlobPictures(this.blobs, conversation_id, this.log),
      remoteServers: this.remote.of(conversation_id),
      models: new GatewayModels(async () => this.routes.take({ user_id, conversation_id, run_id, provider, model_name })),
      blocks: this.blocks.of(held.run),
      clock: { now, sleep },
      stop: held.stop,
      newId,
      interrupt: () => held.interrupt(),
    };
  }

  /** Renews all leases with one question. A run that is no longer held stops at once. */
  private async beat(): Promise<void> {
    const holding = [...this.runs.values()].map(({ held }) => held).filter((held) => held.held);
    if (holding.length === 0 || this.beating) return;
    this.beating = true;
    const askedAt = now();
    try {
      const answer = await this.bus.request(runs.heartbeat, { worker_id: this.id, runs: holding.map(({ run }) => ({ run_id: run.run_id, epoch: run.epoch })) });
      for (const { run_id, held: stillHeld, interrupt, lease_ms, grant } of answer.runs) {
        const held = holding.find(({ run }) => run.run_id === run_id);
        if (held === undefined) continue;
        if (!stillHeld) held.abandon();
        else held.renew(askedAt, lease_ms, grant);
        if (interrupt) held.interrupt();
      }
    } catch (error) {
      this.log.warn('The heartbeat was not answered', { error });
    } finally {
      this.beating = false;
    }
  }

  /** Leaves: claims nothing more, lets every run come to a safe point, and gives back what is not done by then. */
  private async drain(): Promise<void> {
    this.draining.abort();
    const working = [...this.runs.values()];
    await Promise.race([Promise.allSettled(working.map(({ done }) => done)), sleep(graceMs)]);
    const left = working.filter(({ held }) => !held.stop.abandoned.aborted);
    if (left.length > 0) {
      await this.blocks.save();
      // What could not be saved stays kept for the next worker.
      for (const timer of this.timers) clearInterval(timer);
      for (const { held } of left) held.abandon();
      await Promise.allSettled(left.map(({ done }) => done));
      await this.release(left.map(({ held }) => held.run));
    }
    for (const timer of this.timers) clearInterval(timer);
    await this.remote.close();
    await Promise.allSettled(this.subscriptions.map(async (subscription) => subscription.close()));
  }

  private async release(released: readonly ClaimedRun[]): Promise<void> {
    try {
      await this.bus.request(runs.release, { worker_id: this.id, runs: released.map(({ run_id, epoch }) => ({ run_id, epoch })) });
    } catch (error) {
      // Their leases end by themselves.
      this.log.warn('Runs could not be given back', { error });
    }
  }
}
