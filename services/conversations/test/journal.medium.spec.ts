/** Real: SQLite and PostgreSQL, the whole service. The bus is the one in memory; the worker is this test. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { conversations, DeclaredError, newId, runs, type ClaimedRun, type DurableEvent, type Message, type RunEntry } from '@deskhand/contracts';
import { composeService, Log, type RunningService } from '@deskhand/platform';
import { MemoryBus, startDatabases, type TestDatabases } from '@deskhand/platform/testing';

process.env.MASTER_KEY ??= '11'.repeat(32);

for (const dialect of ['sqlite', 'postgres'] as const) {
  describe(`the journal on ${dialect}`, () => {
    const bus = new MemoryBus(process.env.SHOW_LOG ? Log.forService('test', 'warn') : new Log());
    let databases: TestDatabases;
    let running: RunningService;
    beforeAll(async () => {
      databases = await startDatabases(dialect);
      const { service } = await import('../src/service.ts');
      running = await composeService(service, { bus, log: process.env.SHOW_LOG ? Log.forService('conversations','warn') : new Log(), databaseUrl: await databases.url() });
    }, 60_000);
    afterAll(async () => {
      await running.close();
      await databases.close();
    });

    const talk = async (user = newId()) => {
      const conversation = await bus.request(conversations.create, { user_id: user });
      const where = { user_id: user, conversation_id: conversation.id };
      return {
        user, id: conversation.id, where,
        say: async (content: string, key = newId()) => bus.request(conversations.say, { ...where, content, idempotency_key: key }),
        events: async (after = 0): Promise<DurableEvent[]> => (await bus.request(conversations.read, { ...where, after })).events,
      };
    };
    /** Claims until it has a run of this conversation; runs of other tests are given back. */
    const claim = async (conversationId: string, worker = 'w1'): Promise<ClaimedRun> => {
      const found = (await bus.request(runs.claim, { worker_id: worker, slots: 64 })).runs;
      const mine = found.find((run) => run.conversation_id === conversationId);
      if (mine === undefined) throw new Error('Nothing to claim');
      return mine;
    };
    /** From now on the database has no room for a message, as SQLite finds out and as PostgreSQL says it; until the returned function is called. */
    const fillDisk = async (): Promise<() => Promise<void>> => {
      const execute = async (sql: string) => running.database!.transaction(async (em) => em.execute<Record<string, number>[]>(sql));
      if (dialect === 'sqlite') {
        const [pages] = await execute('pragma page_count');
        await execute(`pragma max_page_count = ${pages!.page_count}`);
        return async () => void (await execute('pragma max_page_count = 1073741823'));
      }
      await execute("create function no_room() returns trigger language plpgsql as $$ begin raise exception 'No space left on device' using errcode = '53100'; end $$");
      await execute('create trigger no_room before insert on message execute function no_room()');
      return async () => void (await execute('drop trigger no_room on message'));
    };
    const record = async (run: ClaimedRun, key: string, ...entries: RunEntry[]) => bus.request(runs.record, { run_id: run.run_id, epoch: run.epoch, key, entries });
    const step = (number: number, ...calls: { id: string; name?: string }[]): RunEntry => ({
      type: 'step-ended', step: number, message_id: newId(), model: 'm', cut: false,
      blocks: [{ type: 'text', text: `step ${number}`, block: `b${number}`, attempt: 1 }, ...calls.map((call) => ({ type: 'tool_call' as const, tool_call_id: call.id, name: call.name ?? 'bash', arguments: { command: 'true' } }))],
    });

    it('keeps one order of events without gaps, and answers a repeated message the same', async () => {
      const { say, events, where } = await talk();
      const first = await say('hello there', 'k1');
      expect(await say('hello there', 'k1')).toEqual(first);
      await expect(say('something else', 'k1')).rejects.toMatchObject({ code: 'CONFLICT' });
      const list = await events();
      expect(list.map((event) => event.seq)).toEqual(list.map((_, index) => index + 1));
      expect(list.map((event) => event.type)).toEqual(['message-added', 'conversation-changed']);
      expect((await bus.request(conversations.get, where)).title).toBe('hello there');
      await expect(bus.request(conversations.get, { ...where, user_id: newId() })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    });

    it('runs one turn of a branch at a time, and gives the next one what came before in reading order', async () => {
      const { id, say } = await talk();
      await say('one');
      await say('two');
      const first = await claim(id);
      expect(first.history.map((message) => message.content)).toEqual(['one']);
      await expect(claim(id)).rejects.toThrow('Nothing');
      await record(first, 's0', step(0), { type: 'run-ended', reason: 'completed' });
      const second = await claim(id);
      expect(second.history.map((message: Message) => message.content)).toEqual(['one', 'step 0', 'two']);
    });

    it('CONV-7: sums up what runs and conversations used, each call once', async () => {
      const { user, id, say, events, where } = await talk();
      await say('go');
      const run = await claim(id);
      expect((await bus.request(conversations.snapshot, where)).snapshot.usage).toBeUndefined();
      const call = { call_id: newId(), user_id: user, conversation_id: id, run_id: run.run_id, model: 'openai/m', input_tokens: 5_000_000_000, output_tokens: 20, cached_tokens: 60, reasoning_tokens: 7, cost: 0.25 as number | null };
      for (const data of [call, call, { ...call, call_id: newId(), input_tokens: 10, cost: null }, { ...call, call_id: newId(), user_id: newId() }]) await bus.publish(`usage.${data.call_id}.recorded`, JSON.stringify(data), { id: newId() });
      await expect.poll(async () => (await events()).filter(({ type }) => type === 'usage-recorded')).toHaveLength(2);
      const used = { calls: 2, input_tokens: 5_000_000_010, cached_tokens: 120, output_tokens: 40, reasoning_tokens: 14, cost: 0.25, unpriced_calls: 1 };
      const { snapshot } = await bus.request(conversations.snapshot, where);
      expect(snapshot.runs).toMatchObject([{ id: run.run_id, usage: used }]);
      expect(snapshot.usage).toEqual({ ...used, context_tokens: 30 });
      expect((await bus.request(conversations.messages, where)).usage).toEqual({ [run.run_id]: used });
    });

    it('SECURITY 30: refuses a stale owner everywhere', async () => {
      const { id, say } = await talk();
      await say('go');
      const old = await claim(id, 'w1');
      await bus.request(runs.release, { worker_id: 'w1', runs: [old] });
      const fresh = await claim(id, 'w2');
      expect(fresh.epoch).toBe(old.epoch + 1);
      await expect(record(old, 's0', step(0))).rejects.toMatchObject({ code: 'STALE_EPOCH' });
      await expect(bus.request(runs.history, { ...old, before: old.history[0]!.id })).rejects.toMatchObject({ code: 'STALE_EPOCH' });
      const beat = await bus.request(runs.heartbeat, { worker_id: 'w1', runs: [old] });
      expect(beat.runs).toMatchObject([{ held: false }]);
      await bus.request(runs.checkpoint, { worker_id: 'w1', blocks: [{ ...old, block: 'x', attempt: 1, kind: 'text', offset: 0, text: 'stale' }] });
      const again = await bus.request(runs.heartbeat, { worker_id: 'w2', runs: [fresh] });
      expect(again.runs).toMatchObject([{ held: true }]);
    });

    it('frees what a worker held when its successor begins at the same place, and nothing else', async () => {
      const [mine, other] = [await talk(), await talk()];
      await mine.say('go');
      await bus.request(runs.begin, { worker_id: 'first', instance: 'here' });
      await bus.request(runs.begin, { worker_id: 'elsewhere', instance: 'there' });
      const run = await claim(mine.id, 'first');
      await other.say('go');
      const kept = await claim(other.id, 'elsewhere');
      await bus.request(runs.begin, { worker_id: 'second', instance: 'here' });
      const again = await claim(mine.id, 'second');
      expect(again.epoch).toBe(run.epoch + 1);
      expect((await bus.request(runs.heartbeat, { worker_id: 'elsewhere', runs: [kept] })).runs).toMatchObject([{ held: true }]);
    });

    it('does a repeated record once', async () => {
      const { id, say, events } = await talk();
      await say('go');
      const run = await claim(id);
      const entries: RunEntry[] = [step(0), { type: 'run-ended', reason: 'completed' }];
      await record(run, 'end', ...entries);
      await record(run, 'end', ...entries);
      expect((await events()).filter((event) => event.type === 'run-ended')).toHaveLength(1);
      await expect(record(run, 'later', step(1))).rejects.toMatchObject({ code: 'STALE_EPOCH' });
    });

    it('passes over words that come late, for a step or a call that is over', async () => {
      const { id, say, where } = await talk();
      await say('go');
      const run = await claim(id, 'w1');
      const call = newId();
      const part = { run_id: run.run_id, epoch: run.epoch, attempt: 1, offset: 0, text: 'late' };
      await record(run, 's0', step(0, { id: call }), { type: 'tool-call-started', tool_call_id: call, block: 'c1-output', attempt: 1 }, { type: 'tool-call-ended', tool_call_id: call, is_error: false, result: { output: 'late' }, block: 'c1-output', attempt: 1 });
      await bus.request(runs.checkpoint, { worker_id: 'w1', blocks: [{ ...part, block: 'answer', kind: 'text', step: 0 }, { ...part, block: 'c1-output', kind: 'tool-output', tool_call_id: call }, { ...part, block: 'next', kind: 'text', step: 1 }] });
      expect((await bus.request(conversations.snapshot, where)).snapshot.open_blocks.map(({ block }) => block)).toEqual(['next']);
      await record(run, 'end', { type: 'run-ended', reason: 'completed' });
    });

    it('keeps the words of a cut answer, marked as cut, when another worker takes over', async () => {
      const { id, say, events } = await talk();
      await say('go');
      const run = await claim(id, 'w1');
      const part = { run_id: run.run_id, epoch: run.epoch, block: 'answer', attempt: 1, kind: 'text' as const };
      expect(await bus.request(runs.checkpoint, { worker_id: 'w1', blocks: [{ ...part, offset: 0, text: 'Hello ' }] })).toEqual({ behind: [] });
      await bus.request(runs.checkpoint, { worker_id: 'w1', blocks: [{ ...part, offset: 3, text: 'lo world' }] });
      expect(await bus.request(runs.checkpoint, { worker_id: 'w1', blocks: [{ ...part, offset: 99, text: 'hole' }] })).toEqual({ behind: [{ block: 'answer', length: 11 }] });
      await bus.request(runs.release, { worker_id: 'w1', runs: [run] });
      const next = await claim(id, 'w2');
      const list = await events();
      expect(list.find((event) => event.type === 'block-abandoned')).toMatchObject({ block: 'answer', attempt: 1, text: 'Hello world' });
      expect(list.filter((event) => event.type === 'message-added').at(-1)).toMatchObject({ message: { cut: true, content: 'Hello world', role: 'assistant' } });
      await record(next, 'end', { type: 'run-ended', reason: 'completed' });
    });

    it('tells a new owner which calls had started, and takes a result once', async () => {
      const { id, say, events } = await talk();
      await say('go');
      const run = await claim(id, 'w1');
      const [started, proposed] = [newId(), newId()];
      await record(run, 's0', step(0, { id: started }, { id: proposed }));
      await record(run, 'start', { type: 'tool-call-started', tool_call_id: started, block: `${started}-output`, attempt: 1 });
      await bus.request(runs.release, { worker_id: 'w1', runs: [run] });
      const next = await claim(id, 'w2');
      expect(next.tool_calls.map((call) => call.state)).toEqual(['started', 'proposed']);
      expect(next.step).toBe(1);
      await expect(record(next, 'again', { type: 'tool-call-started', tool_call_id: started, block: 'b', attempt: 2 })).rejects.toMatchObject({ code: 'BAD_INPUT' });
      const end: RunEntry = { type: 'tool-call-ended', tool_call_id: started, is_error: false, result: { output: 'ok' } };
      await record(next, 'e1', end);
      await record(next, 'e2', { ...end, result: { output: 'twice' } });
      await record(next, 'end', { type: 'run-ended', reason: 'failed', error: 'test' });
      const ends = (await events()).filter((event) => event.type === 'tool-call-ended');
      expect(ends).toMatchObject([{ tool_call_id: started, result: { output: 'ok' } }, { tool_call_id: proposed, interrupted: true }]);
    });

    it('parks a run that waits for a person, and decides once', async () => {
      const { id, say, user, where, events } = await talk();
      await say('go');
      const run = await claim(id);
      const call = newId();
      await record(run, 's0', step(0, { id: call }));
      await record(run, 'ask', { type: 'approval-requested', tool_call_id: call, reason: 'It leaves the computer' });
      await record(run, 'park', { type: 'run-parked' });
      await expect(claim(id)).rejects.toThrow('Nothing');
      const [approval] = await bus.request(conversations.approvals, { user_id: user });
      expect((await bus.request(conversations.get, where)).activity).toBe('waiting');
      await expect(bus.request(conversations.decide, { user_id: newId(), approval_id: approval!.approval_id, decision: 'allow' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
      const decisions = await Promise.allSettled((['allow', 'deny', 'always', 'allow'] as const).map(async (decision) => bus.request(conversations.decide, { user_id: user, approval_id: approval!.approval_id, decision })));
      expect(decisions.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
      for (const result of decisions) if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'CONFLICT' });
      const next = await claim(id);
      expect(next.tool_calls[0]!.state).toMatch(/allowed|denied/);
      expect((await events()).filter((event) => event.type === 'approval-resolved')).toHaveLength(1);
      await record(next, 'end', { type: 'run-ended', reason: 'completed' });
    });

    it('stops a waiting run at once and leaves nothing open', async () => {
      const { id, say, user, where, events } = await talk();
      const { run_id } = await say('go');
      const run = await claim(id);
      const call = newId();
      await record(run, 's0', step(0, { id: call }));
      await record(run, 'park', { type: 'approval-requested', tool_call_id: call, reason: 'r' }, { type: 'run-parked' });
      await bus.request(conversations.interrupt, { ...where, run_id });
      expect(await bus.request(conversations.approvals, { user_id: user })).toEqual([]);
      expect((await events()).slice(-3).map((event) => event.type)).toEqual(['tool-call-ended', 'approval-resolved', 'run-ended']);
    });

    it('takes back a message that waits: no model reads it, and nobody sees it any more', async () => {
      const { id, say, where, events } = await talk();
      const { run_id: working } = await say('go');
      const waiting = await say('and archive the mail');
      await say('then stop');
      const run = await claim(id);
      await expect(bus.request(conversations.withdraw, { ...where, run_id: working })).rejects.toMatchObject({ code: 'CONFLICT' });
      await expect(bus.request(conversations.withdraw, { ...where, user_id: newId(), run_id: waiting.run_id })).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await bus.request(conversations.withdraw, { ...where, run_id: waiting.run_id });
      await bus.request(conversations.withdraw, { ...where, run_id: waiting.run_id });
      expect((await events()).slice(-3)).toMatchObject([{ type: 'run-started' }, { type: 'message-withdrawn', ...waiting }, { type: 'run-ended', run_id: waiting.run_id, reason: 'interrupted' }]);
      expect((await bus.request(conversations.snapshot, where)).snapshot.messages.map(({ content }) => content)).toEqual(['go', 'then stop']);
      await record(run, 's0', step(0), { type: 'run-ended', reason: 'completed' });
      expect((await claim(id)).history.map(({ content }) => content)).toEqual(['go', 'step 0', 'then stop']);
    });

    it('hands out a word to a run at work once, and never loses one', async () => {
      const { id, say, where } = await talk();
      const { run_id } = await say('go');
      const run = await claim(id);
      await bus.request(conversations.steer, { ...where, run_id, content: 'rather left', idempotency_key: 'a' });
      const call = newId();
      const answer = await record(run, 's0', step(0, { id: call }));
      expect(answer.steering.map((message) => message.content)).toEqual(['rather left']);
      expect(await record(run, 's0', step(0, { id: call }))).toEqual(answer);
      await bus.request(conversations.steer, { ...where, run_id, content: 'too late', idempotency_key: 'b' });
      await record(run, 'end', { type: 'tool-call-ended', tool_call_id: call, is_error: false, result: { output: '' } }, { type: 'run-ended', reason: 'completed' });
      const next = await claim(id);
      expect(next.history.at(-1)!.content).toBe('too late');
      await expect(bus.request(conversations.steer, { ...where, run_id, content: 'x', idempotency_key: 'c' })).rejects.toMatchObject({ code: 'CONFLICT' });
    });

    it('gives a snapshot that reading on from misses nothing', async () => {
      const { id, say, where, events } = await talk();
      await say('go');
      const { snapshot } = await bus.request(conversations.snapshot, where);
      const run = await claim(id);
      await record(run, 's0', step(0), { type: 'run-ended', reason: 'completed' });
      const later = await events(snapshot.seq);
      expect(later[0]!.seq).toBe(snapshot.seq + 1);
      expect(later.map((event) => event.type)).toEqual(['run-started', 'message-added', 'run-ended']);
      expect(snapshot.messages.map((message) => message.content)).toEqual(['go']);
      await expect(bus.request(conversations.read, { ...where, after: 10_000 })).rejects.toBeInstanceOf(DeclaredError);
    });

    it('SECURITY 37: a full disk is told by name, keeps what was accepted, and takes the same again once there is room', async () => {
      const { id, say, where } = await talk();
      await say('before');
      const run = await claim(id);
      const there = async () => (await bus.request(conversations.messages, where)).messages.map(({ content }) => content.length);
      const empty = await fillDisk();
      const full = { code: 'UNAVAILABLE', message: expect.stringMatching(/disk of the server is full.*Free some space/) };
      const heavy = 'x'.repeat(100_000);
      await expect(say(heavy, 'k-full')).rejects.toMatchObject(full);
      await expect(record(run, 's0', { ...step(0), blocks: [{ type: 'text', text: heavy }] } as RunEntry)).rejects.toMatchObject(full);
      expect(await there()).toEqual([6]);
      await empty();
      expect(await say(heavy, 'k-full')).toEqual(await say(heavy, 'k-full'));
      await record(run, 's0', step(0), { type: 'run-ended', reason: 'completed' });
      expect(await there()).toEqual([6, 6, heavy.length]);
      await record(await claim(id), 'end', { type: 'run-ended', reason: 'completed' });
    });

    it('is fair: a user with nothing at work comes before one with much', async () => {
      // What other tests left is somebody's for the time of a lease; a lease that ends meanwhile is none of these.
      const next = async (of: readonly { id: string }[]): Promise<string> => {
        for (;;) {
          const [run] = (await bus.request(runs.claim, { worker_id: 'w', slots: 1 })).runs;
          if (run === undefined) throw new Error('Nothing is left to claim');
          if (of.some(({ id }) => id === run.conversation_id)) return run.conversation_id;
        }
      };
      const busy = newId();
      const first = await Promise.all(Array.from({ length: 3 }, async () => talk(busy)));
      for (const conversation of first) await conversation.say('much');
      await next(first);
      const calm = await talk();
      await calm.say('little');
      expect(await next([...first, calm])).toBe(calm.id);
    });

    it('two workers never get the same run', async () => {
      const all = await Promise.all(Array.from({ length: 8 }, async () => talk()));
      for (const conversation of all) await conversation.say('go');
      const answers = await Promise.all(Array.from({ length: 6 }, async (_, index) => bus.request(runs.claim, { worker_id: `racer${index}`, slots: 3 })));
      const ids = answers.flatMap((answer) => answer.runs.map((run) => `${run.run_id}:${run.epoch}`));
      expect(new Set(ids).size).toBe(ids.length);
    });
  });
}
