/** Real: nats-server, auth, conversations, the gateway, HTTP and WebSocket clients. The worker's steps are the test's. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NatsBus } from '@deskhand/platform';
import { JoiningClient } from './joining-client.ts';
import { RunningGateway, type Account } from './running-gateway.ts';
import { ScriptedWorker } from './scripted-worker.ts';

describe('streams', () => {
  let gateway: RunningGateway;
  let agentBus: NatsBus;
  let alice: Account;
  beforeAll(async () => {
    gateway = await RunningGateway.start();
    agentBus = await gateway.nats.bus('agent');
    alice = await gateway.account();
  });
  afterAll(async () => gateway.close());

  const say = async (conversation: string, content = 'go'): Promise<void> => {
    expect((await gateway.ask('POST', `/api/conversations/${conversation}/messages`, { token: alice.token, body: { content } })).status).toBe(202);
  };
  const worker = async (conversation: string): Promise<ScriptedWorker> => new ScriptedWorker(agentBus).claim(conversation);

  /** A turn with reasoning, text, two parallel tool calls and a last answer; `step` runs between all of its acts. */
  async function turn(at: ScriptedWorker, step: () => Promise<void>): Promise<void> {
    const thinking = at.begin('reasoning');
    for (const text of ['Let me ', 'see 🤔', '…']) { await at.write(thinking, text); await step(); }
    const answer = at.begin('text');
    for (const text of ['I will ', 'run ', 'two 👩‍💻 commands.']) { await at.write(answer, text); await step(); }
    await at.endStep([thinking, answer], [{ id: `a${at.id}`, name: 'bash', arguments: { command: 'one' } }, { id: `b${at.id}`, name: 'bash', arguments: { command: 'two' } }]);
    await step();
    const first = await at.startTool(`a${at.id}`);
    await step();
    const second = await at.startTool(`b${at.id}`);
    for (const line of ['1\n', '2\n', '3\n']) {
      await at.write(first, `one ${line}`); await step();
      await at.write(second, `two ${line}`); await step();
    }
    await at.save();
    await at.endTool(second); await step();
    await at.write(first, 'done\n'); await step();
    await at.endTool(first); await step();
    const last = at.begin('text');
    for (const text of ['All ', 'is ', 'done.']) { await at.write(last, text); await step(); }
    await at.endStep([last]); await step();
    await at.end();
  }

  const connect = async (client: JoiningClient, transport: 'SSE' | 'WebSocket'): Promise<void> => (transport === 'SSE' ? client.connectEvents() : client.connectSocket());

  describe.each(['SSE', 'WebSocket'] as const)('over %s', (transport) => {
    it('gives a snapshot first, then everything live', async () => {
      const conversation = await gateway.conversation(alice);
      const client = new JoiningClient(gateway.url, alice.token, conversation);
      await connect(client, transport);
      await client.until(() => client.seen.length === 1);
      expect(client.seen[0]).toMatchObject({ type: 'snapshot', seq: 0, messages: [], has_more: false, runs: [], open_blocks: [], approvals: [], conversation: { id: conversation } });
      await say(conversation);
      await turn(await worker(conversation), async () => {});
      await client.untilEnded();
      client.disconnect();
      expect(client.faults).toEqual([]);
      expect(client.seen.filter(({ type }) => type === 'text-delta').length).toBeGreaterThan(4);
      expect(client.seen.find(({ type }) => type === 'run-ended')).toMatchObject({ reason: 'completed', seq: expect.any(Number) });
    });

    it('gives a snapshot in the middle of a turn, with what is open', async () => {
      const conversation = await gateway.conversation(alice);
      await say(conversation);
      const at = await worker(conversation);
      const block = at.begin('text');
      await at.write(block, 'Half of ');
      await at.save();
      await at.write(block, 'it is ');
      const client = new JoiningClient(gateway.url, alice.token, conversation);
      await connect(client, transport);
      await client.until(() => client.seen.length > 0);
      expect(client.seen[0]).toMatchObject({ type: 'snapshot', open_blocks: [{ kind: 'text', text: 'Half of it is ' }], runs: [{ state: 'active' }] });
      await at.write(block, 'here.');
      await at.endStep([block]);
      await at.end();
      await client.untilEnded();
      client.disconnect();
      expect(client.faults).toEqual([]);
    });

    it('SECURITY 35: a client cut after every single event sees in the end what an uncut one sees', async () => {
      const conversation = await gateway.conversation(alice);
      const uncut = new JoiningClient(gateway.url, alice.token, conversation);
      await connect(uncut, transport);
      await say(conversation);
      const at = await worker(conversation);
      // As many clients as there are events: the n-th is cut after its n-th, stays away for three acts, and comes back.
      const clients = Array.from({ length: 32 }, () => new JoiningClient(gateway.url, alice.token, conversation));
      const away = new Map<JoiningClient, number>();
      for (const [index, client] of clients.entries()) {
        await connect(client, transport);
        client.onEvent = () => {
          if (client.seen.length !== index + 1) return;
          client.disconnect();
          away.set(client, 3);
        };
      }
      await turn(at, async () => {
        await new Promise((resolve) => setTimeout(resolve, 15));
        for (const [client, acts] of away) {
          if (acts > 0) away.set(client, acts - 1);
          else {
            away.delete(client);
            await connect(client, transport);
          }
        }
      });
      for (const client of away.keys()) await connect(client, transport);
      await uncut.untilEnded();
      for (const client of clients) await client.untilEnded();
      for (const client of [uncut, ...clients]) client.disconnect();
      for (const [index, client] of clients.entries()) {
        expect(client.faults, `client ${index}`).toEqual([]);
        expect([...client.texts].sort()).toEqual([...uncut.texts].sort());
        expect(client.seq).toBe(uncut.seq);
      }
    });

    it('replays a whole turn to one that never saw it, deltas before the events that close them', async () => {
      const conversation = await gateway.conversation(alice);
      const client = new JoiningClient(gateway.url, alice.token, conversation);
      client.cursor = '0';
      client.seq = 0;
      await say(conversation);
      await turn(await worker(conversation), async () => {});
      await connect(client, transport);
      await client.untilEnded();
      client.disconnect();
      expect(client.faults).toEqual([]);
      expect([...client.texts.values()]).toContain('I will run two 👩‍💻 commands.');
    });

    it('fills a hole in a block from the worker, and from the event that closes it when the worker is gone', async () => {
      const conversation = await gateway.conversation(alice);
      const client = new JoiningClient(gateway.url, alice.token, conversation);
      await connect(client, transport);
      await client.until(() => client.seen.length === 1);
      await say(conversation);
      const at = await worker(conversation);
      const block = at.begin('text');
      await at.write(block, 'one ');
      at.loses = 2;
      await at.write(block, 'two ');
      await at.write(block, 'three ');
      await at.write(block, 'four ');
      await client.until(() => [...client.texts.values()].includes('one two three four '), 'the whole text');
      await at.vanish();
      at.loses = 1;
      await at.write(block, 'five ');
      await at.write(block, 'six');
      await at.endStep([block]);
      await at.end();
      await client.untilEnded();
      client.disconnect();
      expect(client.faults).toEqual([]);
      expect([...client.texts.values()]).toEqual(['one two three four five six']);
    });
  });
});
