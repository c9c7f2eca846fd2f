import { DeclaredError, modelsChanged, newId } from '@deskhand/contracts';
import { Bus, Lifecycle, Log } from '@deskhand/platform';
import { AddressPolicy, AddressRefused } from '@deskhand/platform/outgoing';
import { Inject, Injectable } from '@nestjs/common';
import type { ModelRow } from '../database/entities.ts';
import { GatewaySettings } from '../gateway-config.ts';
import { Secrets } from '../keys/secrets.ts';
import { LimitLedger } from '../limits/limit-ledger.ts';
import { OutgoingHttp } from '../outgoing/outgoing-http.ts';
import { Deployment } from '../routing/deployment.ts';
import { Router } from '../routing/router.ts';
import { WireError } from '../wire/wire-format.ts';
import { badField, destinationOf, hasOwnAddress, readDefinition, secretsOf, type ModelDefinition } from './model-definition.ts';
import { ModelsRepository } from './models.repository.ts';

/** How long another instance's change may stay unseen when its event is lost. */
const pollMs = 2_000;

/** A model that was added while running. `deployment` is null when it cannot be used, for the reason in `problem`. */
export interface AddedModel {
  row: ModelRow;
  /** Null when its parameters cannot be read. */
  definition: ModelDefinition | null;
  deployment: Deployment | null;
  problem: string | null;
  unused: readonly string[];
}

/** Absent: as it is. In parameters and info null takes a field away. */
export type ModelChange = Partial<ModelDefinition>;

/**
 * Models that are added, changed and removed while running: kept in the database, their parameters encrypted, and handed to
 * the router here as soon as they are there. Every instance hears of a change by an event, and asks every two seconds besides.
 */
@Injectable()
export class ModelsService {
  private models: ReadonlyMap<string, AddedModel> = new Map();
  private revision = -1;
  private reading: Promise<void> = Promise.resolve();
  private failing = false;

  constructor(
    @Inject(ModelsRepository) private readonly repository: ModelsRepository,
    @Inject(Secrets) private readonly secrets: Secrets,
    @Inject(AddressPolicy) private readonly policy: AddressPolicy,
    @Inject(Router) private readonly router: Router,
    @Inject(LimitLedger) private readonly limits: LimitLedger,
    @Inject(OutgoingHttp) private readonly outgoing: OutgoingHttp,
    @Inject(GatewaySettings) private readonly settings: GatewaySettings,
    @Inject(Bus) private readonly bus: Bus,
    @Inject(Lifecycle) private readonly lifecycle: Lifecycle,
    @Inject(Log) private readonly log: Log,
  ) {}

  /** Reads what there is and follows it from now on. */
  async start(): Promise<void> {
    await this.load();
    const follow = (): void => void this.load().then(() => { this.failing = false; }, (error: unknown) => {
      if (!this.failing) this.log.warn('Added models cannot be read at the moment; those that are known stay', { error });
      this.failing = true;
    });
    const subscribed = await this.bus.subscribe(modelsChanged, {}, follow);
    const stopReconnect = this.bus.onReconnect(follow);
    const timer = setInterval(follow, pollMs).unref();
    this.lifecycle.onDrain(70, async () => {
      clearInterval(timer);
      stopReconnect();
      await subscribed.close();
      await this.reading.catch(() => undefined);
    });
  }

  /** What another instance has just changed is known here when this resolves. */
  async refresh(): Promise<void> {
    await this.load();
  }

  /** Oldest first. */
  get added(): readonly AddedModel[] {
    return [...this.models.values()];
  }

  /** Throws `BAD_INPUT` or `CONFLICT`. */
  async add({ group, parameters = {}, info = {} }: ModelChange): Promise<AddedModel> {
    const id = info.id == null ? newId() : info.id;
    if (typeof id !== 'string' || !/^[A-Za-z0-9_-]{1,128}$/.test(id)) throw badField('model_info.id', 'may hold letters, digits, _ and - only.');
    if (group === undefined) throw badField('model_name', 'is missing.');
    const taken = new DeclaredError('CONFLICT', `There is a model with the id ${id} already.`, { field: 'model_info.id' });
    if (this.router.deployments.some(({ entry }) => entry.id === id)) throw taken;
    const definition = { group, parameters: present(parameters), info: present({ ...info, id: undefined }) };
    this.deploymentOf(id, definition);
    const now = Date.now();
    if (!(await this.repository.add(this.rowOf(id, definition, now, now)))) throw taken;
    return this.announced(id);
  }

  /** Throws `BAD_INPUT`, `NOT_FOUND`, or `CONFLICT` when it was changed meanwhile. */
  async change(id: string, change: ModelChange): Promise<AddedModel> {
    this.assertNotOfTheFile(id);
    const row = await this.repository.find(id);
    if (row === null) throw unknownModel(id);
    const before = this.definitionOf(row);
    const merged: ModelDefinition = {
      group: change.group ?? row.group, parameters: present({ ...before?.parameters, ...change.parameters }), info: present({ ...row.info, ...change.info, id: undefined }),
    };
    const { unused } = this.deploymentOf(id, merged);
    if (before !== null) assertKeysStay(before, merged, change, unused);
    if (!(await this.repository.change(this.rowOf(id, merged, row.createdAt, Math.max(Date.now(), row.updatedAt + 1)), row.updatedAt))) throw new DeclaredError('CONFLICT', 'Somebody else changed this model at the same time. Look at it again.');
    return this.announced(id);
  }

  /** Throws `NOT_FOUND`, or `CONFLICT` for a model of the file. */
  async remove(id: string): Promise<void> {
    this.assertNotOfTheFile(id);
    if (!(await this.repository.remove(id))) throw unknownModel(id);
    await this.announce();
  }

  private assertNotOfTheFile(id: string): void {
    const known = this.router.deployments.find(({ entry }) => entry.id === id && entry.line > 0);
    if (known && !this.models.has(id)) throw new DeclaredError('CONFLICT', `This model is in the configuration file, line ${known.entry.line}, and is changed there.`);
  }

  private async announced(id: string): Promise<AddedModel> {
    await this.announce();
    const model = this.models.get(id);
    if (model === undefined) throw unknownModel(id);
    return model;
  }

  /** A change is in force here when this resolves. */
  private async announce(): Promise<void> {
    await this.load();
    this.bus.emit(modelsChanged, { instance: this.settings.values.SERVICE_INSTANCE }).catch(() => undefined);
  }

  /** One reading after the other: an older state never replaces a newer one. */
  private async load(): Promise<void> {
    const reading = this.reading.catch(() => undefined).then(async () => this.read());
    this.reading = reading;
    return reading;
  }

  private async read(): Promise<void> {
    const revision = await this.repository.revision();
    if (revision === this.revision) return;
    const models = new Map<string, AddedModel>();
    for (const row of await this.repository.list()) {
      const known = this.models.get(row.id);
      // What is as it was keeps its load and its failures.
      models.set(row.id, known?.row.updatedAt === row.updatedAt ? known : this.asAdded(row));
    }
    this.models = models;
    this.revision = revision;
    this.router.useAdded([...models.values()].flatMap(({ deployment }) => deployment ?? []));
  }

  private asAdded(row: ModelRow): AddedModel {
    const definition = this.definitionOf(row);
    const nothing = { row, definition, deployment: null, unused: [] };
    if (definition === null) return { ...nothing, problem: 'Its parameters were encrypted with another master key. Enter its keys again, or remove it.' };
    try {
      return { row, definition, ...this.deploymentOf(row.id, definition), problem: null };
    } catch (error) {
      if (!(error instanceof DeclaredError)) throw error;
      this.log.warn(`The model ${row.group} (${row.id}) cannot be used: ${error.message}`);
      return { ...nothing, problem: error.message };
    }
  }

  private definitionOf({ id, group, encryptedParameters, info }: ModelRow): ModelDefinition | null {
    try {
      return { group, parameters: JSON.parse(this.secrets.decryptModel(id, encryptedParameters)) as Record<string, unknown>, info };
    } catch {
      return null;
    }
  }

  /** Throws `BAD_INPUT` for one that cannot be used. */
  private deploymentOf(id: string, definition: ModelDefinition): { deployment: Deployment; unused: readonly string[] } {
    const { entry, unused } = readDefinition(id, definition, this.policy);
    try {
      // Variables hold the operator's keys: they go to the providers' own addresses only.
      const deployment = new Deployment(entry, { outgoing: this.outgoing, environment: hasOwnAddress(definition.parameters) ? {} : process.env }, this.limits);
      const { protocol, hostname, port } = new URL(deployment.sample!.baseUrl);
      this.policy.checkHost(hostname, Number(port) || (protocol === 'https:' ? 443 : 80));
      return { deployment, unused };
    } catch (error) {
      if (error instanceof AddressRefused) throw badField('litellm_params.api_base', error.message);
      if (error instanceof DeclaredError || error instanceof WireError) throw new DeclaredError('BAD_INPUT', error.message, { field: fieldIn(error.message) });
      throw error;
    }
  }

  private rowOf(id: string, { group, parameters, info }: ModelDefinition, createdAt: number, updatedAt: number): ModelRow {
    return { id, group, encryptedParameters: this.secrets.encryptModel(id, JSON.stringify(parameters)), info: { ...info }, createdAt, updatedAt } as ModelRow;
  }
}

const unknownModel = (id: string): DeclaredError => new DeclaredError('NOT_FOUND', `There is no model with the id ${id.slice(0, 200)} that was added while running.`);

/** Without the fields that are to go. */
const present = (fields: Readonly<Record<string, unknown>>): Record<string, unknown> => Object.fromEntries(Object.entries(fields).filter(([, value]) => value != null));

/** A stored key goes to the address that it was stored for; else whoever may change an address could read keys. */
function assertKeysStay(before: ModelDefinition, after: ModelDefinition, { parameters = {} }: ModelChange, unused: readonly string[]): void {
  if (destinationOf(before) === destinationOf(after)) return;
  const kept = secretsOf(after.parameters).find((name) => parameters[name] == null && !unused.includes(`litellm_params.${name}`));
  if (kept !== undefined) throw badField(`litellm_params.${kept}`, 'must be given again, because the address changes.');
}

/** What is missing or wrong stands at the beginning of the words. */
function fieldIn(message: string): string {
  const [, name = 'model'] = /^([a-z][a-z0-9]*(?:_[a-z0-9]+)+)\b/.exec(message) ?? [];
  return `litellm_params.${name}`;
}
