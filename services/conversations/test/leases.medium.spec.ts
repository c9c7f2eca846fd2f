/** Real: SQLite and PostgreSQL, the whole service. The bus is the one in memory; the manager and the worker are this test. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { conversations, desktop, leaseChanged, leases, newId, runs, type ClaimedRun, type DesktopLease, type DurableEvent, type RunEntry } from '@deskhand/contracts';
import { composeService, Log, type RunningService } from '@deskhand/platform';
import { MemoryBus, startDatabases, type TestDatabases } from '@deskhand/platform/testing';

process.env.MASTER_KEY ??= '11'.repeat(32);
const driven = { clicks: 3, keys: 20, scrolls: 0, pasted: 1, seconds: 2 };

for (const dialect of ['sqlite', 'postgres'] as const) {
  describe(`turns at a desktop on ${dialect}`, () => {
    const bus = new MemoryBus(new Log());
    let databases: TestDatabases;
    let running: RunningService;
    beforeAll(async () => {
      databases = await startDatabases(dialect);
      const { service } = await import('../src/service.ts');
      running = await composeService(service, { bus, log: new Log(), databaseUrl: await databases.url() });
    }, 60_000);
    afterAll(async () => {
      await running.close();
      await databases.close();
    });

    const begin = async (user_id = newId()) => {
      const { id } = await bus.request(conversations.create, { user_id });
      const where = { user_id, conversation_id: id };
      const { computer_id } = await bus.request(conversations.computer, where);
      return {
        where, computer_id, id,
        take: async (more: { client_id?: string; epoch?: number; ask?: boolean } = {}) => bus.request(leases.take, { ...where, ...more }),
        release: async (more: { client_id?: string; epoch?: number; to?: string } = {}) => bus.request(leases.release, { ...where, ...more }),
        events: async (): Promise<DurableEvent[]> => (await bus.request(conversations.read, { ...where, after: 0 })).events,
      };
    };
    const changes = (events: readonly DurableEvent[]) => events.filter((event) => event.type === 'desktop-lease-changed');
    const claim = async (conversation: string): Promise<ClaimedRun> => {
      const run = (await bus.request(runs.claim, { worker_id: 'w', slots: 64 })).runs.find((candidate) => candidate.conversation_id === conversation);
      if (run === undefined) throw new Error('Nothing to claim');
      return run;
    };
    const record = async (run: ClaimedRun, key: string, ...entries: RunEntry[]) => bus.request(runs.record, { run_id: run.run_id, epoch: run.epoch, key, entries });
    const call = (id: string): RunEntry => ({ type: 'step-ended', step: 0, message_id: newId(), model: 'm', cut: false, blocks: [{ type: 'tool_call', tool_call_id: id, name: 'computer', arguments: {} }] });

    it('SECURITY 1: is a stranger\'s as little as a missing one', async () => {
      const { where } = await begin();
      await expect(bus.request(leases.take, { ...where, user_id: newId() })).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await expect(bus.request(leases.release, { ...where, user_id: newId() })).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await expect(bus.request(leases.of, { ...where, user_id: newId() })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    });

    it('has one winner of four racers, whoever they are', async () => {
      const { take, computer_id } = await begin();
      const tries = await Promise.allSettled(Array.from({ length: 4 }, (_, index) => take(index === 0 ? {} : { client_id: `tab-${index}` })));
      const won = tries.filter((one) => one.status === 'fulfilled');
      expect(won).toHaveLength(1);
      const lease = (won[0] as PromiseFulfilledResult<DesktopLease>).value;
      for (const lost of tries) if (lost.status === 'rejected') expect(lost.reason).toMatchObject({ code: 'CONFLICT', details: { epoch: lease.epoch, holder: lease.holder } });
      expect((await bus.request(leases.current, { computer_id })).lease).toEqual(lease);
    });

    it('is renewed by its epoch or its tab, and refuses a stale epoch', async () => {
      const { take, release, where } = await begin();
      const first = await take({ client_id: 'a' });
      await expect(take()).rejects.toMatchObject({ code: 'CONFLICT' });
      expect(await take({ client_id: 'a' })).toMatchObject({ epoch: first.epoch });
      expect(await take({ epoch: first.epoch })).toMatchObject({ epoch: first.epoch });
      await release({ client_id: 'b' });
      expect((await bus.request(leases.of, where)).lease).toMatchObject({ epoch: first.epoch });
      await release({ epoch: first.epoch });
      const second = await take({ client_id: 'b' });
      expect(second.epoch).toBe(first.epoch + 1);
      await expect(take({ epoch: first.epoch })).rejects.toMatchObject({ code: 'STALE_EPOCH' });
      await expect(release({ epoch: first.epoch })).rejects.toMatchObject({ code: 'STALE_EPOCH' });
    });

    it('tells the manager and the timeline of every change, and hands over to who asked', async () => {
      const { take, release, events, computer_id, where } = await begin();
      const told: (DesktopLease | null)[] = [];
      const subscription = await bus.subscribe(leaseChanged, { computer_id }, ({ lease }) => void told.push(lease));
      await take({ client_id: 'a' });
      await expect(take({ client_id: 'b', ask: true })).rejects.toMatchObject({ code: 'CONFLICT' });
      await release({ client_id: 'a', to: 'b' });
      expect(changes(await events())).toMatchObject([
        { holder: where.user_id, client_id: 'a', epoch: 1 }, { holder: where.user_id, client_id: 'a', epoch: 1, asked_by: 'b' }, { holder: null, epoch: 1, reason: 'handed-over', asked_by: 'b' }, { holder: where.user_id, client_id: 'b', epoch: 2 },
      ]);
      await expect.poll(() => told.at(-1)).toMatchObject({ client_id: 'b', epoch: 2 });
      await subscription.close();
      const { snapshot } = await bus.request(conversations.snapshot, where);
      expect(snapshot.desktop_lease).toMatchObject({ client_id: 'b', epoch: 2 });
    });

    it('AGENT-5: calls wait as a parked run, and the model is told what a person did', async () => {
      const { take, id, where, computer_id } = await begin();
      await bus.request(conversations.say, { ...where, content: 'go', idempotency_key: newId() });
      const lease = await take();
      const run = await claim(id);
      const callId = newId();
      expect(await record(run, 'step', call(callId))).toMatchObject({ driven: true });
      await record(run, 'park', { type: 'run-parked' });
      await expect(claim(id)).rejects.toThrow('Nothing');
      // An older epoch's end changes nothing.
      await bus.request(leases.end, { computer_id, epoch: lease.epoch - 1, reason: 'idle', driven });
      await expect(claim(id)).rejects.toThrow('Nothing');
      await bus.request(leases.end, { computer_id, epoch: lease.epoch, reason: 'idle', driven });
      const again = await claim(id);
      expect(again.driven).toBeUndefined();
      expect(again.tool_calls).toMatchObject([{ tool_call_id: callId, state: 'proposed' }]);
      await record(again, 'start', { type: 'tool-call-started', tool_call_id: callId, block: 'o', attempt: 2 });
      const ended = await record(again, 'end', { type: 'tool-call-ended', tool_call_id: callId, is_error: false, result: { output: '' } });
      expect(ended.steering.map((message) => message.blocks)).toMatchObject([[{ type: 'notice', kind: 'desktop-driven', text: expect.stringContaining('3 clicks, 20 keys, 1 paste') as string, facts: { clicks: 3 } }]]);
    });

    it('DESK-2: a turn whose time is over ends by itself, the runs that waited for it go on, and the next person may take it', async () => {
      const { take, events, id, where, computer_id } = await begin();
      const runOut = async () => running.database!.transaction(async (em) => em.execute('update desktop_lease set until = 1 where computer_id = ?', [computer_id]));
      await bus.request(conversations.say, { ...where, content: 'go', idempotency_key: newId() });
      const first = await take({ client_id: 'a' });
      expect(Date.parse(first.until) - Date.now()).toBeGreaterThan(500_000);
      const run = await claim(id);
      await record(run, 'step', call(newId()));
      await record(run, 'park', { type: 'run-parked' });
      await runOut();
      expect((await bus.request(leases.current, { computer_id })).lease).toBeNull();
      await expect.poll(async () => changes(await events()).at(-1)).toMatchObject({ holder: null, epoch: 1, reason: 'expired' });
      expect((await claim(id)).tool_calls).toMatchObject([{ state: 'proposed' }]);
      // Whoever comes before anybody has looked is let in too, and the turn before is told to be over.
      await take({ client_id: 'b' });
      await runOut();
      await expect(take({ client_id: 'b', epoch: 2 })).rejects.toMatchObject({ code: 'STALE_EPOCH' });
      expect(await take({ client_id: 'c' })).toMatchObject({ epoch: 3, client_id: 'c' });
      expect(changes(await events()).slice(-2)).toMatchObject([{ epoch: 2, reason: 'expired' }, { epoch: 3, client_id: 'c' }]);
    });

    it('a claim says that a person drives, and an interrupt ends a run that waits for it', async () => {
      const { take, id, where } = await begin();
      const { run_id } = await bus.request(conversations.say, { ...where, content: 'go', idempotency_key: newId() });
      const run = await claim(id);
      await record(run, 'step', call(newId()));
      await take();
      await bus.request(runs.release, { worker_id: 'w', runs: [run] });
      const again = await claim(id);
      expect(again.driven).toBe(true);
      await record(again, 'park', { type: 'run-parked' });
      await bus.request(conversations.interrupt, { ...where, run_id });
      expect((await bus.request(conversations.snapshot, where)).snapshot.runs).toMatchObject([{ id: run_id, reason: 'interrupted' }]);
    });

    it.each(['completed', 'interrupted'] as const)('what a run that was %s did not hear of any more starts no turn, and stands before the next message', async (reason) => {
      const { take, release, id, where } = await begin();
      await bus.request(conversations.say, { ...where, content: 'go', idempotency_key: newId() });
      const run = await claim(id);
      await take();
      await release();
      await record(run, 'end', { type: 'run-ended', reason });
      await expect(claim(id)).rejects.toThrow('Nothing');
      await bus.request(conversations.say, { ...where, content: 'now you', idempotency_key: newId() });
      expect((await claim(id)).history.flatMap(({ blocks }) => blocks.map(({ type }) => type))).toEqual(['text', 'notice', 'text']);
    });

    it('what was done without a run at work stands before the next message', async () => {
      const { take, release, id, where, computer_id } = await begin();
      const served = await bus.serve(desktop.driven, { computer_id }, async () => driven);
      await take();
      await release();
      await served.close();
      await bus.request(conversations.say, { ...where, content: 'now you', idempotency_key: newId() });
      const run = await claim(id);
      expect(run.history.map((message) => message.content)).toEqual([expect.stringContaining('3 clicks, 20 keys, 1 paste'), 'now you']);
    });
  });
}
