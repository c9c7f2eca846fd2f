import { writeFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { natsPermissions, serviceNames } from '@deskhand/contracts';
import type { CallerName, ServiceName } from '@deskhand/contracts';
import { LogFile } from './log-file.ts';
import { consoleForm } from './log-lines.ts';
import { noteProcesses } from './leftovers.ts';
import { ManagedProcess } from './managed-process.ts';
import type { ProcessObserver } from './managed-process.ts';
import { natsAccounts, natsServerConfig } from '@deskhand/platform/nats-server-config';
import type { NatsKey } from './nats-keys.ts';
import { natsServerPlan } from './nats-server.ts';
import { identityOf } from './process-identity.ts';
import { servicePlan } from './services.ts';
import type { Ground } from './services.ts';

/** Everyone who has a NATS user. */
export const natsCallers: readonly CallerName[] = [...serviceNames, 'operator'];

/** What programs beside the supervisor may know about a running product; kept in `run/state.json`, holds no secret. */
export interface ProductState {
  readonly supervisor: number;
  readonly ready: boolean;
  readonly web: string;
  readonly llm: string;
  /** Further addresses of the web app. */
  readonly sides: readonly string[];
  readonly nats: string;
  readonly installation: string;
  /** Process ids by name; null while a process is down. */
  readonly processes: Readonly<Record<string, number | null>>;
}

const mostMillisecondsForAgent = 12_000;
const mostMillisecondsForRest = 7_000;

/** The running processes of one installation. */
export class Product {
  private readonly nats: ManagedProcess | null;
  private readonly services: readonly ManagedProcess[];
  private readonly logs = new Map<string, LogFile>();
  private readonly runFolder: string;
  private ready = false;

  constructor(
    private readonly ground: Ground,
    natsPort: number | null,
    private readonly say: (text: string) => void,
  ) {
    this.runFolder = ground.data.folder('run');
    const observer: ProcessObserver = { line: (name, line) => this.log(name, line), notice: say, changed: () => this.note() };
    this.nats = natsPort === null ? null : new ManagedProcess(this.natsPlan(natsPort), observer);
    const wanted = serviceNames.filter((name) => name !== 'gateway' || ground.settings.DESKHAND_PORT !== 'off');
    this.services = wanted.map((name) => new ManagedProcess(servicePlan(name, ground), observer));
  }

  /** Resolves when every process is ready; rejects when one does not come up. */
  async start(): Promise<void> {
    this.nats?.start();
    await this.nats?.firstReady;
    for (const service of this.services) service.start();
    await Promise.all(this.services.map((service) => service.firstReady));
    this.ready = true;
    this.note();
  }

  /** Workers first, so that runs stop at a safe point while everything they need is there; NATS last. */
  async drain(): Promise<void> {
    this.ready = false;
    this.note();
    const isAgent = (service: ManagedProcess) => service.name === 'agent';
    await this.end(this.services.filter(isAgent), mostMillisecondsForAgent);
    await this.end(this.services.filter((service) => !isAgent(service)), mostMillisecondsForRest);
    if (this.nats) await this.end([this.nats], 3_000);
  }

  /** Ends everything at once. */
  kill(): void {
    for (const service of this.all()) service.kill();
  }

  state(): ProductState {
    const { ground } = this;
    return {
      supervisor: process.pid,
      ready: this.ready,
      web: ground.webUrl,
      llm: `http://${ground.llmHost}:${ground.llmPort}`,
      sides: [ground.settings.DESKHAND_COMBINED_PORT, ground.settings.DESKHAND_DESKTOP_PORT].flatMap((port) => (port === 'off' || ground.settings.DESKHAND_PORT === 'off' ? [] : [`http://${ground.llmHost}:${port}`])),
      nats: ground.natsUrl,
      installation: ground.installationId,
      processes: Object.fromEntries(this.all().map((service) => [service.name, service.pid])),
    };
  }

  private all(): ManagedProcess[] {
    return [...(this.nats ? [this.nats] : []), ...this.services];
  }

  private async end(services: readonly ManagedProcess[], withinMilliseconds: number): Promise<void> {
    await Promise.all(
      services.map(async (service) => {
        if (await service.drain(withinMilliseconds)) return;
        this.say(`${service.name} did not end within ${withinMilliseconds / 1000} s and was killed`);
        service.kill();
      }),
    );
  }

  private natsPlan(port: number) {
    const folder = this.ground.data.folder('nats');
    const users = natsCallers.map((name) => ({ publicKey: (this.ground.natsKeys as Record<CallerName, NatsKey>)[name].publicKey, permissions: natsPermissions(name as ServiceName) }));
    const configFile = join(folder, 'server.conf');
    writeFileSync(configFile, natsServerConfig({ port, storeFolder: join(folder, 'store'), pidFile: join(this.runFolder, 'nats-server.pid'), users }), { mode: 0o600 });
    writeFileSync(join(folder, 'accounts.conf'), JSON.stringify({ accounts: natsAccounts(users) }, null, 2), { mode: 0o600 });
    return natsServerPlan(this.ground.prerequisites.natsServer ?? 'nats-server', configFile, port);
  }

  private log(name: string, line: string): void {
    let file = this.logs.get(name);
    if (!file) this.logs.set(name, (file = new LogFile(join(this.ground.data.folder('logs'), `${name}.log`))));
    file.write(line);
    const short = consoleForm(name, line);
    if (short) this.say(short);
  }

  private note(): void {
    const pids = this.all().flatMap(({ pid }) => (pid === null ? [] : [identityOf(pid)]));
    noteProcesses(join(this.runFolder, 'processes.json'), pids);
    const file = join(this.runFolder, 'state.json');
    writeFileSync(`${file}.new`, JSON.stringify(this.state()), { mode: 0o600 });
    renameSync(`${file}.new`, file);
  }
}
