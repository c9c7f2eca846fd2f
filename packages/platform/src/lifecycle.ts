import { Log } from './log.ts';

interface Step {
  order: number;
  work: () => Promise<void>;
}

/** What has to happen before the process may end. */
export class Lifecycle {
  private readonly steps: Step[] = [];
  private drained: Promise<void> | null = null;

  constructor(private readonly log: Log = new Log()) {}

  /** Runs `work` when the service drains; lower orders first, equal ones side by side. */
  onDrain(order: number, work: () => Promise<void>): void {
    this.steps.push({ order, work });
  }

  get draining(): boolean {
    return this.drained !== null;
  }

  /** Drains once; a failing step is logged and does not keep the others from running. */
  drain(): Promise<void> {
    this.drained ??= this.run();
    return this.drained;
  }

  private async run(): Promise<void> {
    const orders = [...new Set(this.steps.map((step) => step.order))].sort((a, b) => a - b);
    for (const order of orders) {
      const together = this.steps.filter((step) => step.order === order);
      const results = await Promise.allSettled(together.map(async (step) => step.work()));
      for (const result of results) if (result.status === 'rejected') this.log.error('A drain step failed', { error: result.reason });
    }
  }
}
