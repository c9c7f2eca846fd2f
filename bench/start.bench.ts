import { readFileSync } from 'node:fs';
import type { Benchmark } from './benchmark.ts';
import { scaled } from './benchmark.ts';
import { startProduct, type PartName, type RunningProduct } from '../e2e/product.ts';
import { Client } from '../e2e/client/client.ts';
import { coldStart, warmStart } from './support/npm-start.ts';

const processes: readonly PartName[] = ['gateway', 'auth', 'conversations', 'agent', 'sandbox-manager', 'llm-gateway', 'supervisor'];

export const benchmark: Benchmark = {
  name: 'start',
  figures: [
    { name: 'cold_s', unit: 's', how: '`npm start` in a copy of the checkout without dependencies or build, empty cache folder and engine, to ready (whole size only; 0 in the small run)', most: 420 },
    { name: 'warm_s', unit: 's', how: '`npm start`, built, engine up, image cached, new data folder, to ready; the slowest of the tries', most: 30 },
    { name: 'computer_s', unit: 's', how: 'POST of sandbox/start in a new conversation to its answer, which comes when the computer takes its first command', most: 15 },
    { name: 'rest_mb', unit: 'MB', how: 'PSS of all service processes and the supervisor, 10 s after the start, nothing going on', most: 900 },
  ],
  run: async ({ size, say }) => {
    const starts: number[] = [];
    for (let attempt = 0; attempt < scaled(5, { size }, 1); attempt++) starts.push(await warmStart());
    say(`warm: ${starts.map((seconds) => seconds.toFixed(1)).join(' ')} s`);
    const product = await startProduct();
    let computer: number;
    let rest: number;
    try {
      await new Promise((resolve) => setTimeout(resolve, 10_000));
      rest = proportionalMegabytes(product);
      computer = await newComputer(product);
    } finally {
      await product.stop();
    }
    return { cold_s: size >= 1 ? await coldStart(say) : 0, warm_s: Math.max(...starts), computer_s: computer, rest_mb: rest };
  },
};

/** Proportional set size: shared pages count by their share, so the sum is what the product really takes. */
function proportionalMegabytes(product: RunningProduct): number {
  return processes.reduce((sum, part) => {
    const pid = product.pid(part);
    if (pid === null) throw new Error(`${part} does not run`);
    return sum + Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))![1]) / 1024;
  }, 0);
}

async function newComputer(product: RunningProduct): Promise<number> {
  const client = await Client.register(product.webUrl);
  const { id } = await client.conversation({ model_name: 'scripted/demo' });
  const started = performance.now();
  await client.request('POST', `/api/conversations/${id}/sandbox/start`);
  return (performance.now() - started) / 1_000;
}
