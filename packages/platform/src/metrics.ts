import { performance, monitorEventLoopDelay } from 'node:perf_hooks';
import type { MetricSample } from '@deskhand/contracts';

type Figure = Omit<MetricSample, 'value' | 'labels'> & { read: () => Promise<readonly Pick<MetricSample, 'value' | 'labels'>[]> };

/** What a service has to count. Every service has its process's figures; each adds its own. */
export class Metrics {
  private readonly figures: Figure[] = [];
  private readonly delay = monitorEventLoopDelay({ resolution: 20 });

  constructor() {
    this.delay.enable();
    const gauge = (name: string, help: string, read: () => number): void => this.add({ name, help, type: 'gauge', read: async () => [{ value: read() }] });
    this.add({ name: 'deskhand_process_cpu_seconds_total', help: 'Processor time used', type: 'counter', read: async () => [{ value: processorSeconds() }] });
    gauge('deskhand_process_resident_memory_bytes', 'Memory in use', () => process.memoryUsage.rss());
    gauge('deskhand_process_uptime_seconds', 'Time since the process began', () => performance.now() / 1_000);
    gauge('deskhand_process_event_loop_delay_seconds', 'How late timers were, 99th percentile since the last reading', () => {
      const seconds = this.delay.percentile(99) / 1e9;
      this.delay.reset();
      return seconds;
    });
  }

  /** `read` is asked at each reading; one that fails leaves its figure out. */
  add(figure: Figure): void {
    this.figures.push(figure);
  }

  async read(): Promise<MetricSample[]> {
    const read = await Promise.allSettled(this.figures.map(async ({ read, ...facts }) => (await read()).map((sample) => ({ ...facts, ...sample }))));
    return read.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
  }
}

function processorSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
