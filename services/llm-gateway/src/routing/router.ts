import { entryOf } from '../entry-of.ts';
import type { GatewayFile, RouterSettings } from '../configuration/gateway-file.ts';
import { patternOf } from '../configuration/read-gateway-file.ts';
import type { Learned } from '../limits/instances.ts';
import type { LimitLedger } from '../limits/limit-ledger.ts';
import type { UpstreamServices } from '../upstreams/upstream-of.ts';
import { Deployment, type CallSize } from './deployment.ts';
import { RoutePlan } from './route-plan.ts';

/** Models whose ways are remembered; names of wildcards come from callers. */
const mostReached = 1_000;

/** A deployment that a call may end up at, and the name that it is asked by then. */
export interface Reachable {
  deployment: Deployment;
  name: string;
}

/** Every configured model and the ways to it. */
export class Router {
  readonly settings: RouterSettings;
  /** Told what this instance learns of deployments. */
  tell: (news: Learned) => void = () => {};
  /** Whether it matters how many tokens calls have. */
  goesBySize = false;
  private windowOf: ((deployment: Deployment) => Promise<number | null>) | null = null;
  private readonly configured: readonly Deployment[];
  private all: readonly Deployment[] = [];
  private groups = new Map<string, Deployment[]>();
  private readonly reached = new Map<string, readonly Reachable[]>();
  private wildcards: { pattern: RegExp; deployments: readonly Deployment[] }[] = [];

  /** Throws `BAD_INPUT` when a deployment lacks something. */
  constructor(file: Pick<GatewayFile, 'models' | 'router'>, services: UpstreamServices, limits: LimitLedger | null = null, now: () => number = Date.now) {
    this.settings = file.router;
    this.configured = file.models.map((entry) => new Deployment(entry, services, limits, now));
    this.useAdded([]);
  }

  /** Every deployment, those of the configuration first. */
  get deployments(): readonly Deployment[] {
    return this.all;
  }

  /** From now on there are these beside the configuration's. Calls at work go on where they are. */
  useAdded(added: readonly Deployment[]): void {
    this.all = [...this.configured, ...added];
    const groups = new Map<string, Deployment[]>();
    for (const deployment of this.all) groups.set(deployment.entry.group, [...(groups.get(deployment.entry.group) ?? []), deployment]);
    this.groups = groups;
    this.reached.clear();
    // The more a pattern says, the earlier it is looked at.
    this.goesBySize = this.settings.preCallChecks || this.settings.strategy === 'usage-based-routing' || this.all.some(({ entry }) => entry.limits.tpm !== null);
    if (this.windowOf !== null) this.readWindows(this.windowOf);
    this.wildcards = [...groups].filter(([name]) => name.includes('*')).sort(([one], [other]) => other.length - one.length).map(([name, deployments]) => ({ pattern: patternOf(name), deployments }));
  }

  /** Pre-call checks go by this for deployments whose entry does not say how much they take in. */
  useWindows(windowOf: (deployment: Deployment) => Promise<number | null>): void {
    if (!this.settings.preCallChecks) return;
    this.windowOf = windowOf;
    this.readWindows(windowOf);
  }

  private readWindows(windowOf: (deployment: Deployment) => Promise<number | null>): void {
    // What nobody can say is not checked.
    for (const deployment of this.all) if (deployment.window === null) windowOf(deployment).then((window) => (deployment.window = window), () => {});
  }

  /** Names that callers may use, wildcards and what is hidden left out. */
  get models(): string[] {
    return [...[...this.groups.keys()].filter((name) => !name.includes('*')), ...Object.keys(this.settings.aliases).filter((name) => !this.settings.hiddenAliases.includes(name))];
  }

  /** What these models (`openai/gpt-5.5`) are called where wildcards stand for them. */
  namesOf(models: readonly string[]): string[] {
    const wildcards = [...this.groups].filter(([name]) => name.includes('*'));
    return wildcards.flatMap(([, [first]]) => models.flatMap((model) => first?.nameOf(model) ?? [])).filter((name) => this.has(name));
  }

  has(model: string): boolean {
    return this.deploymentsOf(model).length > 0;
  }

  deploymentsOf(model: string): readonly Deployment[] {
    const name = entryOf(this.settings.aliases, model) ?? model;
    const known = this.groups.get(name);
    if (known !== undefined) return known;
    const found = this.wildcards.find(({ pattern }) => pattern.test(name))?.deployments ?? [];
    return found.some(({ sample }) => sample === null) ? found.filter((deployment) => deployment.serves(name)) : found;
  }

  /** Every deployment that a call to this model may end up at, fallbacks included. The same list as long as nothing changes. */
  reachable(model: string): readonly Reachable[] {
    const known = this.reached.get(model);
    if (known) return known;
    if (this.reached.size >= mostReached) this.reached.clear();
    const found = this.findReachable(model);
    this.reached.set(model, found);
    return found;
  }

  private findReachable(model: string): readonly Reachable[] {
    const { fallbacks, contextWindowFallbacks, contentPolicyFallbacks, defaultFallbacks } = this.settings;
    const seen = new Set([this.groupOf(model)]);
    for (const group of seen) for (const list of [fallbacks, contextWindowFallbacks, contentPolicyFallbacks]) for (const next of entryOf(list, group) ?? list['*'] ?? []) seen.add(this.groupOf(next));
    for (const next of defaultFallbacks) seen.add(this.groupOf(next));
    return [...seen].flatMap((name) => this.deploymentsOf(name).map((deployment) => ({ deployment, name })));
  }

  /** The name behind an alias; a name that is none stays. */
  groupOf(model: string): string {
    return entryOf(this.settings.aliases, model) ?? model;
  }

  plan(model: string, size: CallSize): RoutePlan {
    return new RoutePlan(this, this.groupOf(model), size);
  }

  /** What another instance learned. */
  learned(news: readonly Learned[]): void {
    for (const { id, failures, rests_ms } of news) {
      for (const deployment of this.deployments) {
        if (deployment.entry.id !== id) continue;
        deployment.failedElsewhere(failures);
        if (rests_ms > 0) deployment.cool(rests_ms);
      }
    }
  }

  /** All that rests now. */
  resting(): Learned[] {
    return this.deployments.filter(({ isCooled }) => isCooled).map(({ entry, restsMs }) => ({ id: entry.id, failures: 0, rests_ms: restsMs }));
  }
}
