import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunningProduct } from '../../e2e/product.ts';

/** Lines that commands appended to /workspace/effects.log of a computer, read on the host. */
export function effectsOf(product: RunningProduct, computer: string): string[] {
  const file = join(product.dataFolder, 'workspaces', computer, 'workspace', 'effects.log');
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [];
}

/** A command that leaves exactly one line behind each time it runs. */
export function effect(name: string): { name: string; arguments: Record<string, unknown> } {
  return { name: 'bash', arguments: { command: `echo ${name} >> /workspace/effects.log; sleep 0.3; echo done ${name}` } };
}
