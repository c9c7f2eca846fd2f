/** Real: a nats-server with the product's users. The memory bus keeps the same promises and runs the same suite. */
import { jetstreamManager } from '@nats-io/jetstream';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { accessRevoked, auth, cachedAnswers, conversationDeleted, conversations as conversationContracts, deadLetterStream, deadLetterSubject, DeclaredError, livePublished, runInterrupted, runs, sandbox, seqHeader, timelinePublished } from '@deskhand/contracts';
import { currentRequest, RetryLater, withRequest, type Bus, type Closable } from '../src/index.ts';
import { MemoryBus, startNats, type TestNats } from '../src/testing/index.ts';

const until = async (condition: () => boolean | Promise<boolean>, milliseconds = 5_000): Promise<void> => {
  for (const end = Date.now() + milliseconds; !(await condition()); await new Promise((resolve) => setTimeout(resolve, 10))) if (Date.now() > end) throw new Error('It did not happen in time');
};

let nats: TestNats;
beforeAll(async () => { nats = await startNats(); });
afterAll(async () => nats.close());

for (const kind of ['memory', 'nats'] as const) {
  describe(`the ${kind} bus`, () => {
    let memory = new MemoryBus();
    const open: Closable[] = [];
    const bus = async (service: Parameters<TestNats['bus']>[0]): Promise<Bus> => (kind === 'memory' ? memory : nats.bus(service));
    afterEach(async () => {
      await Promise.all(open.splice(0).map(async (item) => item.close()));
      memory = new MemoryBus();
    });

    it('answers a request with what the owner says, validated and stripped', async () => {
      open.push(await (await bus('auth')).serve(auth.status, null, async () => ({ registration: 'open', first_account: true, extra: 1 }) as never));
      expect(await (await bus('gateway')).request(auth.status, {})).toEqual({ registration: 'open', first_account: true });
    });

    it('carries declared errors with code and details, and hides all others', async () => {
      open.push(await (await bus('auth')).serve(auth.me, null, async ({ user_id }) => {
        if (user_id === 'gone') throw new DeclaredError('NOT_FOUND', 'No such user', { user_id });
        throw new Error('the password is hunter2');
      }));
      const gateway = await bus('gateway');
      await expect(gateway.request(auth.me, { user_id: 'gone' })).rejects.toMatchObject({ code: 'NOT_FOUND', message: 'No such user', details: { user_id: 'gone' } });
      await expect(gateway.request(auth.me, { user_id: 'x' })).rejects.toMatchObject({ code: 'INTERNAL', message: expect.not.stringContaining('hunter2') });
    });

    it('shares values among the instances of a service', async () => {
      const [one, two] = [(await bus('llm-gateway')).values(cachedAnswers), (await bus('llm-gateway')).values(cachedAnswers)];
      expect(await one.get('a')).toBeNull();
      const bytes = Buffer.from([0, 255, 10, 13]);
      await one.put('a', { bytes, fields: { 'Content-Type': 'text/event-stream; charset=utf-8' } });
      await two.put('b', { bytes: Buffer.alloc(2_000_000, 'x'), fields: {} });
      const found = await two.get('a');
      expect([Buffer.from(found!.bytes).equals(bytes), found!.fields]).toEqual([true, { 'Content-Type': 'text/event-stream; charset=utf-8' }]);
      await two.put('a', { bytes: Buffer.from('newer'), fields: {} });
      expect(Buffer.from((await one.get('a'))!.bytes).toString()).toBe('newer');
      await one.remove('a');
      expect([await two.get('a'), (await two.get('b'))?.bytes.length]).toEqual([null, 2_000_000]);
      await two.clear();
      expect(await one.get('b')).toBeNull();
    });

    it('refuses input that does not fit the contract', async () => {
      await expect((await bus('gateway')).request(auth.me, {} as never)).rejects.toMatchObject({ code: 'BAD_INPUT' });
    });

    it('waits for an owner that is late', async () => {
      const asked = (await bus('gateway')).request(auth.status, {});
      await new Promise((resolve) => setTimeout(resolve, 200));
      open.push(await (await bus('auth')).serve(auth.status, null, async () => ({ registration: 'closed' as const, first_account: false })));
      expect(await asked).toMatchObject({ registration: 'closed' });
    });

    it('stops reading events at once, however early that is asked for', async () => {
      const manager = await bus('sandbox-manager');
      await (await bus('conversations')).publish('conversation.early.deleted', JSON.stringify({ conversation_id: 'early', user_id: 'u', computer_ids: [] }), { id: `early-${kind}`, stream: 'CONVERSATIONS' });
      for (let wait = 0; wait < 40; wait++) {
        const consumer = await manager.consume(conversationDeleted, async () => undefined);
        await new Promise((resolve) => setTimeout(resolve, wait / 2));
        const late = Symbol('late');
        expect(await Promise.race([consumer.close(), new Promise((resolve) => setTimeout(resolve, 2_000, late))])).not.toBe(late);
      }
    });

    it('SECURITY 26: an id with dots, spaces and wildcards addresses only itself', async () => {
      const manager = await bus('sandbox-manager');
      const seen: string[] = [];
      for (const id of ['a', 'a.b *', '>']) {
        open.push(await manager.serve(sandbox.kill, { computer_id: id }, async (input) => { seen.push(`${id}:${input.computer_id}`); return { gone: true }; }));
      }
      const agent = await bus('agent');
      for (const id of ['a.b *', '>', 'a']) await agent.request(sandbox.kill, { computer_id: id, grant: 'g', call_id: 'k' });
      expect(seen).toEqual(['a.b *:a.b *', '>:>', 'a:a']);
    });

    it('gives a plain event to every subscriber, filtered by what the address names', async () => {
      const [one, other] = [await bus('gateway'), await bus('gateway')];
      const seen: string[] = [];
      open.push(await one.subscribe(livePublished, { user: 'u', conversation: 'c1' }, (data) => { seen.push(`one:${data.text}`); }));
      open.push(await other.subscribe(livePublished, { user: 'u' }, (data) => { seen.push(`other:${data.text}`); }));
      const agent = await bus('agent');
      const delta = { type: 'text-delta', run_id: 'r', block: 'b', attempt: 1, offset: 0 } as const;
      await agent.emit(livePublished, { ...delta, text: 'x' }, { user: 'u', conversation: 'c1' });
      await agent.emit(livePublished, { ...delta, text: 'y' }, { user: 'u', conversation: 'c2' });
      await until(() => seen.length === 3);
      expect(seen.sort()).toEqual(['one:x', 'other:x', 'other:y']);
    });

    it('delivers a stored event until its handler succeeds', async () => {
      const deliveries: number[] = [];
      const id = `delete-${kind}`;
      open.push(await (await bus('sandbox-manager')).consume(conversationDeleted, async (data, meta) => {
        if (data.conversation_id !== id) return;
        deliveries.push(meta.redelivered);
        if (deliveries.length < 3) throw new RetryLater(20);
      }));
      const event = { conversation_id: id, user_id: 'u', computer_ids: [] };
      await (await bus('conversations')).publish(`conversation.${id}.deleted`, JSON.stringify(event), { id, stream: 'CONVERSATIONS' });
      await until(() => deliveries.length === 3);
      expect(deliveries).toEqual([0, 1, 2]);
    });

    it('counts an event that is published twice with one id once', async () => {
      const seen: string[] = [];
      open.push(await (await bus('sandbox-manager')).consume(conversationDeleted, async (data) => { seen.push(data.conversation_id); }));
      const conversations = await bus('conversations');
      const id = `twice-${kind}`;
      const event = JSON.stringify({ conversation_id: id, user_id: 'u', computer_ids: [] });
      await conversations.publish(`conversation.${id}.deleted`, event, { id, stream: 'CONVERSATIONS' });
      await conversations.publish(`conversation.${id}.deleted`, event, { id, stream: 'CONVERSATIONS' });
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect(seen.filter((item) => item === id)).toHaveLength(1);
    });
  });
}

describe('NATS itself', () => {
  it('tells who asks that a message is larger than one may be, in the request, in the answer, and in an event', async () => {
    const [agent, gateway] = [await nats.bus('agent'), await nats.bus('gateway')];
    const heavy = 'x'.repeat(9_000_000);
    const serving = [
      await (await nats.bus('auth')).serve(auth.listUsers, null, async () => [{ id: 'u', username: heavy, email: 'a@b.c', is_admin: false, disabled: false, created_at: '' }]),
      await (await nats.bus('conversations')).serve(runs.record, null, async () => ({ steering: [], interrupt: false })),
    ];
    const started = Date.now();
    await expect(gateway.request(auth.listUsers, {})).rejects.toMatchObject({ code: 'TOO_LARGE' });
    const entry = { type: 'run-ended', reason: 'failed', error: heavy } as const;
    await expect(agent.request(runs.record, { run_id: 'r', epoch: 1, key: 'k', entries: [entry] })).rejects.toMatchObject({ code: 'TOO_LARGE' });
    await expect(agent.emit(livePublished, { type: 'text-delta', run_id: 'r', block: 'b', attempt: 1, offset: 0, text: heavy }, { user: 'u', conversation: 'c' })).rejects.toMatchObject({ code: 'TOO_LARGE' });
    expect(Date.now() - started).toBeLessThan(3_000);
    // What is not too large goes through as before.
    expect(await agent.request(runs.record, { run_id: 'r', epoch: 1, key: 'k', entries: [{ ...entry, error: 'short' }] })).toMatchObject({ interrupt: false });
    for (const server of serving) await server.close();
  });

  it('carries the id of a request from service to service, into every line that they log', async () => {
    const [gateway, truth, accounts] = [await nats.bus('gateway'), await nats.bus('conversations'), await nats.bus('auth')];
    const seen: (string | undefined)[] = [];
    const serving = [
      await accounts.serve(auth.status, null, async () => { seen.push(currentRequest()?.requestId); return { registration: 'open' as const, first_account: true }; }),
      await truth.serve(conversationContracts.approvals, null, async () => { seen.push(currentRequest()?.requestId); return []; }),
    ];
    await withRequest({ requestId: 'asked-1' }, async () => {
      await gateway.request(auth.status, {});
      await gateway.request(conversationContracts.approvals, { user_id: 'u' });
    });
    await gateway.request(auth.status, {});
    expect(seen).toEqual(['asked-1', 'asked-1', expect.not.stringMatching('asked-1')]);
    for (const server of serving) await server.close();
  });

  it('SECURITY 33: an event that nobody can handle becomes a dead letter and does not hold up the next', async () => {
    const manager = await nats.bus('sandbox-manager');
    // As for a moment before the first one is stored.
    await (await jetstreamManager(manager.connection)).streams.add({ name: deadLetterStream, subjects: [deadLetterSubject] });
    expect(await manager.deadLetters()).toEqual([]);
    const handled: string[] = [];
    const consumer = await manager.consume(conversationDeleted, async (data) => {
      if (data.conversation_id === 'poison') throw new Error('cannot be handled');
      handled.push(data.conversation_id);
    });
    const conversations = await nats.bus('conversations');
    for (const id of ['poison', 'after-poison']) await conversations.publish(`conversation.${id}.deleted`, JSON.stringify({ conversation_id: id, user_id: 'u', computer_ids: [] }), { id, stream: 'CONVERSATIONS' });
    await until(() => handled.includes('after-poison'));
    await until(() => manager.connection.isClosed() === false && handled.length > 0);
    const info = async () => (await (await nats.bus('sandbox-manager')).deadLetters()).filter((letter) => letter.id.endsWith('poison'));
    for (let attempt = 0; (await info()).length === 0; attempt++) {
      if (attempt > 60) throw new Error('The poison message was not buried');
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    await until(() => manager.givenUp === 1);
    await consumer.close();
  });

  it('SECURITY 38: a service may not ask, hear or serve what its contracts do not give it', async () => {
    const agent = await nats.bus('agent');
    const problems: string[] = [];
    void (async () => { for await (const status of agent.connection.status()) if (status.type === 'error') problems.push(String(status.error)); })();
    agent.connection.subscribe('auth.>');
    agent.connection.publish('auth.user.register', '{}');
    await until(() => problems.length >= 2);
    expect(problems.join()).toMatch(/auth/);
  });

  it('SECURITY 38: refuses anonymous clients', async () => {
    const { connect } = await import('@nats-io/transport-node');
    await expect(connect({ servers: nats.url, reconnect: false })).rejects.toThrow(/authorization/i);
  });

  it('SECURITY 31: goes on after the server was killed and its storage deleted', async () => {
    const conversations = await nats.bus('conversations');
    const gateway = await nats.bus('gateway');
    const seen: number[] = [];
    await gateway.subscribe(timelinePublished, { user: 'u', conversation: 'c' }, (data) => { seen.push(data.seq); });
    const publish = async (seq: number) => conversations.publish('timeline.u.c.run-started', JSON.stringify({ type: 'run-started', seq }), { id: `c:${seq}`, stream: 'TIMELINE', headers: { [seqHeader]: String(seq) } });
    await publish(1);
    let reconnected = false;
    gateway.onReconnect(() => { reconnected = true; });
    await nats.restart({ emptyStorage: true });
    await until(() => reconnected, 30_000);
    for (let attempt = 0; ; attempt++) {
      try { await publish(2); break; } catch (error) { if (attempt > 50) throw error; await new Promise((resolve) => setTimeout(resolve, 100)); }
    }
    await until(() => seen.includes(2));
    await gateway.subscribe(runInterrupted, {}, () => {});
    await conversations.emit(runInterrupted, { run_id: 'r' });
    expect(runs.claim.owner).toBe('conversations');
    expect(accessRevoked.stream).toBeNull();
  });
});

describe('shared values over NATS', () => {
  it('are made anew after the server lost them, reject meanwhile, and are for their owner only', async () => {
    const values = (await nats.bus('llm-gateway')).values(cachedAnswers);
    await values.put('kept', { bytes: Buffer.from('x'), fields: {} });
    await values.put('large', { bytes: Buffer.alloc(8_388_608), fields: {} });
    await until(async () => values.get('large').then((value) => value === null, () => false), 20_000);
    await nats.kill();
    await expect(values.get('kept')).rejects.toThrow();
    await nats.restart({ emptyStorage: true });
    await until(async () => values.put('again', { bytes: Buffer.from('y'), fields: {} }).then(() => true, () => false), 20_000);
    await until(async () => values.get('again').then((value) => value !== null && Buffer.from(value.bytes).toString() === 'y', () => false), 20_000);
    await until(async () => values.get('kept').then((value) => value === null, () => false), 20_000);
    await expect((await nats.bus('agent')).values(cachedAnswers).get('again')).rejects.toThrow();
  }, 90_000);
});
