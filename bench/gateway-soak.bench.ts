import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { startUpstream } from '../services/llm-gateway/test/upstream.ts';
import type { Benchmark } from './benchmark.ts';
import { median } from './support/load.ts';
import { startGateway } from './support/model-gateway.ts';
import { residentBytes } from './support/pinned-program.ts';
import { endSoakClients, hashOfKey, soakCall, soakKinds, soakScript, soakStatuses, used, type SoakKind } from './support/soak-calls.ts';

const wholeSeconds = 1_800;
const lanesOfKind = 4;
/** Connections that are kept for a while are no leak. */
const restMs = 8_000;

interface Written {
  key_hash: string;
  status: string;
  calls: number;
  /** Of those that ended properly: which do not say what the upstream said. */
  wrong: number;
}

export const benchmark: Benchmark = {
  name: 'gateway-soak',
  onlyWhenAsked: true,
  figures: [
    { name: 'growth_percent', unit: '%', how: 'resident memory of the model gateway, median of the last third of the time over that of the second, under mixed load with clients that leave, upstreams that break off, refuse or hang up, and readers that are slow', most: 5 },
    { name: 'unaccounted', unit: 'calls', how: 'calls without exactly one row of usage of the right kind, or whose row says other tokens than the upstream said', most: 0 },
    { name: 'leaked_sockets', unit: 'sockets', how: 'sockets of the model gateway some seconds after the last call over those before the first', most: 3 },
  ],
  run: async ({ size, say }) => {
    const upstream = await startUpstream({ format: 'openai-chat', script: soakScript });
    try {
      await using gateway = await startGateway(upstream.host, [{ name: 'soak-model', apiBase: `${upstream.url}/v1` }]);
      const keys = new Map(await Promise.all(soakKinds.map(async (kind) => [kind, await gateway.makeKey({ max_budget: 1_000_000 })] as const)));
      const made = new Map<SoakKind, number>();
      const sockets = socketsOf(gateway.pid);
      const resident: number[] = [];
      const started = Date.now();
      const until = started + wholeSeconds * size * 1_000;
      const lanes = soakKinds.flatMap((kind) => Array.from({ length: lanesOfKind }, async () => {
        while (Date.now() < until) {
          await soakCall(gateway.port, keys.get(kind)!, kind);
          made.set(kind, (made.get(kind) ?? 0) + 1);
        }
      }));
      while (Date.now() < until) {
        await sleep(1_000);
        resident.push(residentBytes(gateway.pid));
        // What the upstream remembers is of no use here.
        upstream.requests.length = upstream.aborted.length = 0;
        if (resident.length % 30 === 0) say(`${Math.round((Date.now() - started) / 1_000)} s, ${sum(made.values())} calls, ${(resident.at(-1)! / 1e6).toFixed(0)} MB`);
      }
      await Promise.all(lanes);
      endSoakClients();
      await sleep(restMs);
      const leaked = socketsOf(gateway.pid) - sockets;
      const unaccounted = soakKinds.reduce((total, kind) => total + judge(kind, made.get(kind) ?? 0, writtenIn(gateway.product.dataFolder).filter((row) => row.key_hash === hashOfKey(keys.get(kind)!)), say), 0);
      const third = Math.floor(resident.length / 3);
      return { growth_percent: (median(resident.slice(-third)) / median(resident.slice(third, 2 * third)) - 1) * 100, unaccounted, leaked_sockets: Math.max(0, leaked) };
    } finally {
      await upstream.close();
    }
  },
};

const sum = (values: Iterable<number>): number => [...values].reduce((total, value) => total + value, 0);

function judge(kind: SoakKind, calls: number, rows: readonly Written[], say: (text: string) => void): number {
  const right = rows.filter(({ status }) => soakStatuses[kind].includes(status));
  const written = sum(rows.map((row) => row.calls));
  const wrong = sum(rows.map((row) => row.wrong)) + (written - sum(right.map((row) => row.calls)));
  say(`${kind}: ${calls} calls; ${rows.map((row) => `${row.calls} ${row.status}`).join(', ')}${wrong > 0 ? `; ${wrong} wrong` : ''}`);
  return Math.abs(calls - written) + wrong;
}

/** What the gateway's database says of each key's calls. */
function writtenIn(dataFolder: string): Written[] {
  const database = new DatabaseSync(join(dataFolder, 'llm-gateway', 'llm-gateway.db'), { readOnly: true });
  try {
    const wrong = 'sum(case when status = \'completed\' and (uncached_input <> ? or output <> ? or estimated) then 1 else 0 end)';
    return database.prepare(`select key_hash, status, count(*) as calls, ${wrong} as wrong from usage group by key_hash, status`).all(used.uncachedInput, used.output) as unknown as Written[];
  } finally {
    database.close();
  }
}

function socketsOf(pid: number): number {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).filter((name) => linkOf(join(folder, name)).startsWith('socket:')).length;
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    // Closed meanwhile.
    return '';
  }
}
