import { randomUUID } from 'node:crypto';
import { gatewayInstances, type DataOf } from '@deskhand/contracts';
import { Bus, Log, type Closable } from '@deskhand/platform';
import { Inject, Injectable } from '@nestjs/common';
import type { LimitPeers } from './limit.ts';

/** What other instances learned of deployments. */
export type Learned = DataOf<typeof gatewayInstances.learned>['deployments'][number];

/** What an instance does when the others tell it something. */
export interface InstanceListener {
  /** Gives back what it holds of a limit and does not use. Resolves with how much. */
  release(limitId: string): Promise<number>;
  learned(deployments: readonly Learned[]): void;
  /** All that rests now, for one that has just started. */
  resting(): readonly Learned[];
  keysChanged(): void;
}

/** The others answer within this time, or are not waited for. */
const answerMs = 120;
/** What is learned goes out together, a moment later: failures come in crowds. */
const gatherMs = 20;

interface Question {
  open: Set<string>;
  amount: number;
  resolve(amount: number): void;
}

/** The other instances of the model gateway: who is there, and what is said between them. */
@Injectable()
export class Instances implements LimitPeers {
  private readonly instance = randomUUID();
  private readonly others = new Set<string>();
  private readonly questions = new Map<string, Question>();
  private readonly news = new Map<string, Learned>();
  private gathering: NodeJS.Timeout | null = null;
  private listening: Closable[] = [];
  private listener: InstanceListener | null = null;

  constructor(@Inject(Bus) private readonly bus: Bus, @Inject(Log) private readonly log: Log) {}

  get count(): number {
    return this.others.size;
  }

  /** Says that this instance is there, and listens from then on. */
  async join(listener: InstanceListener): Promise<void> {
    this.listener = listener;
    const { bus } = this;
    this.listening = await Promise.all([
      bus.subscribe(gatewayInstances.joined, {}, ({ instance }) => { if (this.isOther(instance)) this.tell([...listener.resting()]); }),
      bus.subscribe(gatewayInstances.learned, {}, ({ instance, deployments }) => { if (this.isOther(instance)) listener.learned(deployments); }),
      bus.subscribe(gatewayInstances.keysChanged, {}, ({ instance }) => { if (this.isOther(instance)) listener.keysChanged(); }),
      bus.subscribe(gatewayInstances.wanted, {}, async ({ instance, limit, question }) => { if (this.isOther(instance)) this.emit(gatewayInstances.returned, { instance: this.instance, question, amount: await listener.release(limit) }); }),
      bus.subscribe(gatewayInstances.returned, {}, ({ instance, question, amount }) => { if (this.isOther(instance)) this.answered(instance, question, amount); }),
    ]);
    const joined = (): void => this.emit(gatewayInstances.joined, { instance: this.instance });
    const stop = bus.onReconnect(joined);
    this.listening.push({ close: async () => stop() });
    joined();
  }

  async leave(): Promise<void> {
    if (this.gathering !== null) clearTimeout(this.gathering);
    await Promise.all(this.listening.map(async (closable) => closable.close()));
  }

  async recall(limit: string): Promise<number> {
    if (this.others.size === 0) return 0;
    const question = randomUUID();
    const amount = await new Promise<number>((resolve) => {
      this.questions.set(question, { open: new Set(this.others), amount: 0, resolve });
      setTimeout(() => this.settle(question), answerMs);
      this.emit(gatewayInstances.wanted, { instance: this.instance, limit, question });
    });
    return amount;
  }

  /** Tells the others of a failure, or of a rest that it led to. */
  learn(news: Learned): void {
    const known = this.news.get(news.id);
    this.news.set(news.id, { id: news.id, failures: (known?.failures ?? 0) + news.failures, rests_ms: Math.max(known?.rests_ms ?? 0, news.rests_ms) });
    this.gathering ??= setTimeout(() => {
      this.gathering = null;
      const deployments = [...this.news.values()];
      this.news.clear();
      this.tell(deployments);
    }, gatherMs);
  }

  keysChanged(): void {
    this.emit(gatewayInstances.keysChanged, { instance: this.instance });
  }

  private tell(deployments: Learned[]): void {
    this.emit(gatewayInstances.learned, { instance: this.instance, deployments });
  }

  private isOther(instance: string): boolean {
    if (instance === this.instance) return false;
    this.others.add(instance);
    return true;
  }

  private answered(instance: string, id: string, amount: number): void {
    const question = this.questions.get(id);
    if (question === undefined) return;
    question.amount += amount;
    question.open.delete(instance);
    if (question.open.size === 0) this.settle(id);
  }

  private settle(id: string): void {
    const question = this.questions.get(id);
    if (question === undefined) return;
    this.questions.delete(id);
    // Whoever is silent is gone; should it be there after all, its next word brings it back.
    for (const silent of question.open) this.others.delete(silent);
    question.resolve(question.amount);
  }

  private emit<Name extends keyof typeof gatewayInstances>(event: (typeof gatewayInstances)[Name], data: DataOf<(typeof gatewayInstances)[Name]>): void {
    this.bus.emit(event, data).catch((error: unknown) => this.log.warn('The other instances of the model gateway could not be told', { error }));
  }
}
