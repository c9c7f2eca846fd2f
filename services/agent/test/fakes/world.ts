import { newId, type ClaimedRun, type McpServer } from '@deskhand/contracts';
import { McpFailure } from '@deskhand/mcp';
import type { RemoteServers, RunPorts } from '../../src/loop/ports.ts';
import { goOn, type RunOutcome } from '../../src/loop/run.ts';
import { LiveBlocks, type Delta } from '../../src/worker/live-blocks.ts';
import type { FakeComputer } from './computer.ts';
import type { FakeJournal } from './journal.ts';
import type { ScriptedModel } from './model.ts';

/** Decides about one of a worker's awaits: called before and after each thing it does. */
export interface Life {
  /** Resolves when the worker goes on; never when it is dead. */
  point(): Promise<void>;
}

const noServers: RemoteServers = { tools: async () => { throw new McpFailure('There are none', false); }, call: async () => { throw new McpFailure('There are none', false); } };

/** Dies at its `at`-th await; `died` resolves then. */
export function mortal(at: number): Life & { died: Promise<'died'>; points: () => number } {
  let points = 0;
  let dead = false;
  let die: (value: 'died') => void = () => {};
  const died = new Promise<'died'>((resolve) => { die = resolve; });
  return {
    died,
    points: () => points,
    async point() {
      if (!dead && ++points === at) {
        dead = true;
        die('died');
      }
      if (dead) await new Promise(() => {});
    },
  };
}

export const immortal: Life = { point: async () => {} };

export interface Stage {
  journal: FakeJournal;
  computer: FakeComputer;
  model: ScriptedModel;
  deltas: Delta[];
  remote?: RemoteServers;
  /** MCP servers that the conversation has chosen. */
  servers?: McpServer[];
  /** Blobs that are not there any more. */
  lostPictures?: ReadonlySet<string>;
}

export interface Worker {
  outcome: Promise<RunOutcome>;
  interrupt(): void;
  abandon(): void;
  drain(): void;
  blocks: LiveBlocks;
}

/** Claims the run and lets a worker of its own go on with it. Time passes only in sleeps. */
export function work(stage: Stage, life: Life = immortal): Worker {
  const run: ClaimedRun = { ...stage.journal.claim(), ...(stage.servers && { mcp_servers: stage.servers }) };
  const interrupting = new AbortController();
  const abandoning = new AbortController();
  const draining = new AbortController();
  if (run.interrupt) interrupting.abort();
  const blocks = new LiveBlocks((_, delta) => stage.deltas.push(delta), async () => ({ behind: [] }));
  const alive = async <Answer>(act: () => Promise<Answer> | Answer): Promise<Answer> => {
    await life.point();
    const answer = await act();
    await life.point();
    return answer;
  };
  let time = 0;
  const ports: RunPorts = {
    journal: { record: async (key, entries) => alive(() => stage.journal.record(run.epoch, key, structuredClone(entries))) },
    computer: {
      start: async () => alive(async () => stage.computer.start()),
      run: async (command) => alive(async () => stage.computer.run(command)),
      follow: async (callId, offset) => alive(async () => stage.computer.follow(callId, offset)),
      kill: async (callId) => alive(async () => stage.computer.kill(callId)),
      act: async (callId, action) => alive(async () => stage.computer.act(callId, action)),
    },
    pictures: { keep: async (bytes, media_type) => ({ blob: `kept ${bytes.length}`, media_type, width: 1, height: 1 }), read: async (images) => new Map(images.flatMap(({ blob }) => (stage.lostPictures?.has(blob) ? [] : [[blob, `base64 of ${blob}`] as const]))) },
    remoteServers: {
      tools: async (server) => alive(async () => (stage.remote ?? noServers).tools(server)),
      call: async (server, tool, given, stopped) => alive(async () => (stage.remote ?? noServers).call(server, tool, given, stopped)),
    },
    models: {
      resolve: async () => {
        await life.point();
        const model = await stage.model.resolve();
        return { label: model.label, contextWindow: model.contextWindow, sees: model.sees, stream: (request, signal) => aliveStream(model.stream(request, signal), life) };
      },
    },
    blocks: blocks.of(identityOf(run)),
    clock: { now: () => time, sleep: async (milliseconds) => { time += milliseconds; await new Promise((resolve) => setImmediate(resolve)); } },
    stop: { abandoned: abandoning.signal, interrupted: interrupting.signal, draining: draining.signal },
    newId,
    interrupt: () => interrupting.abort(),
  };
  return { outcome: goOn(run, ports), interrupt: () => interrupting.abort(), abandon: () => abandoning.abort(), drain: () => draining.abort(), blocks };
}

function identityOf(run: ClaimedRun) {
  return { run_id: run.run_id, epoch: run.epoch, user_id: run.user_id, conversation_id: run.conversation_id };
}

async function* aliveStream<Item>(items: AsyncIterable<Item>, life: Life): AsyncIterable<Item> {
  for await (const item of items) {
    await life.point();
    yield item;
  }
}
