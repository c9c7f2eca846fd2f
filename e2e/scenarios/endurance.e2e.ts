import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { effect, effectsOf } from '../../bench/support/effects.ts';
import { startUpstream } from '../../services/llm-gateway/test/upstream.ts';
import { Client } from '../client/client.ts';
import { followThroughCuts } from '../client/resuming.ts';
import { docker, startProduct, type PartName, type RunningProduct } from '../product.ts';

let product: RunningProduct;
let client: Client;
const upstream = await startUpstream({
  format: 'openai-chat',
  script: ({ step, userText }) => {
    if (userText === 'daemon') return step === 0 ? { toolCalls: [{ name: 'bash', arguments: { command: 'setsid sh -c \'trap "" TERM; exec sleep 987\' & sleep 986' } }] } : { text: 'done' };
    if (userText === 'look') return step === 0 ? { toolCalls: [{ name: 'bash', arguments: { command: 'ps -eo args' } }] } : { text: 'done' };
    if (userText.startsWith('effects')) return step < 3 ? { toolCalls: [effect(`${userText}-${step}`)] } : { text: 'The end. '.repeat(40), paceMs: 15 };
    return { text: `You said ${userText}` };
  },
});

beforeAll(async () => {
  product = await startProduct({ variables: { DESKHAND_ALLOWED_PRIVATE_HOSTS: upstream.host } });
  client = await Client.register(product.webUrl, 'ada');
  await client.provider('openai', upstream.url, 'm');
}, 90_000);
afterAll(async () => {
  await product?.stop();
  await upstream.close();
}, 60_000);

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const computerOf = async (conversation: string) => (await client.request<{ computer_id: string }>('GET', `/api/conversations/${conversation}/sandbox`)).computer_id;

describe('a running turn', () => {
  it('AGENT-6 SECURITY 17: is stopped with everything it started, daemons that ignore signals too, within 3 s', async () => {
    const { id } = await client.conversation();
    const { run_id } = await client.say(id, 'daemon');
    let stopped = 0;
    const joiner = await followThroughCuts(client, id, run_id, {
      way: 'websocket', cuts: [],
      onFrame: ({ frame }) => {
        if (frame.type !== 'tool-call-started') return;
        void pause(800).then(async () => {
          stopped = performance.now();
          await client.request('POST', `/api/conversations/${id}/runs/${run_id}/interrupt`);
        });
      },
    });
    expect(joiner.ended.has(run_id)).toBe(true);
    expect(performance.now() - stopped).toBeLessThan(3_000);
    const next = await client.say(id, 'look');
    await followThroughCuts(client, id, next.run_id, { way: 'sse', cuts: [] });
    const shown = (await client.messages(id)).filter((message) => message.role === 'tool').at(-1)!.content;
    expect(shown).toContain('ps -eo args');
    expect(shown).not.toMatch(/sleep 98[67]/);
  }, 60_000);

  it('CONV-1 AGENT-6: lets the next message wait, and answers it after', async () => {
    const { id } = await client.conversation();
    const first = await client.say(id, 'effects-queue');
    const second = await client.say(id, 'and then', 'the-same-key');
    expect(await client.say(id, 'and then', 'the-same-key')).toEqual(second);
    await expect(client.say(id, 'something else', 'the-same-key')).rejects.toMatchObject({ status: 409, body: { code: 'CONFLICT' } });
    for (const { run_id } of [first, second]) await followThroughCuts(client, id, run_id, { way: 'sse', cuts: [] });
    const said = (await client.messages(id)).filter((message) => message.role !== 'tool').map((message) => message.content.slice(0, 17)).filter(Boolean);
    expect(said).toEqual(['effects-queue', 'The end. The end.', 'and then', 'You said and then']);
  }, 60_000);

  it.each<PartName>(['agent', 'conversations', 'sandbox-manager', 'llm-gateway', 'gateway', 'nats-server'])('AGENT-7 SECURITY 29 31: survives kill -9 of %s, and does nothing twice', async (part) => {
    const { id } = await client.conversation();
    const { run_id, message_id } = await client.say(id, `effects-${part}`);
    const following = followThroughCuts(client, id, run_id, { way: 'sse', cuts: [] }, 60_000);
    await pause(1_200);
    expect(product.kill(part)).toBe(true);
    const joiner = await following;
    await product.untilWell();
    expect([joiner.gaps, joiner.repeats, joiner.mismatches]).toEqual([0, 0, 0]);
    const lines = effectsOf(product, await computerOf(id));
    expect(new Set(lines).size).toBe(lines.length);
    const messages = await client.messages(id);
    expect(messages[0]!.id).toBe(message_id);
    for (const message of messages) for (const block of message.blocks) if (block.type === 'tool_result' && !block.is_error) expect(lines).toContain(/done (\S+)/.exec(block.result.output)?.[1]);
  }, 90_000);

  it('OPS-1 SECURITY 34: goes on after Ctrl-C and the next start, with everything still there', async () => {
    const { id } = await client.conversation();
    const { run_id } = await client.say(id, 'effects-restart');
    await pause(1_000);
    expect(await product.interrupt()).toBe(0);
    await product.restart();
    client = await Client.signIn(product.webUrl, 'ada');
    const joiner = await followThroughCuts(client, id, run_id, { way: 'sse', cuts: [] }, 60_000);
    expect(joiner.ended.has(run_id)).toBe(true);
    const lines = effectsOf(product, await computerOf(id));
    expect(new Set(lines).size).toBe(lines.length);
    const results = (await client.messages(id)).flatMap((message) => message.blocks.flatMap((block) => (block.type === 'tool_result' ? [block] : [])));
    expect(results.length).toBe(3);
    expect((await client.messages(id)).at(-1)!.content).toContain('The end.');
  }, 90_000);

  it('BOX-8 SECURITY 37: gets a new container when its own was removed from outside, with its files', async () => {
    const { id } = await client.conversation();
    const first = await client.say(id, 'effects-before');
    await followThroughCuts(client, id, first.run_id, { way: 'sse', cuts: [] });
    const computer = await computerOf(id);
    const container = (await docker('ps', '-q', '--filter', `label=deskhand.computer=${computer}`)).trim();
    expect(container).not.toBe('');
    await docker('rm', '-f', container);
    const next = await client.say(id, 'effects-after');
    await followThroughCuts(client, id, next.run_id, { way: 'sse', cuts: [] }, 60_000);
    const lines = effectsOf(product, computer);
    expect(lines.slice(0, 3)).toEqual(['effects-before-0', 'effects-before-1', 'effects-before-2']);
    expect(lines.some((line) => line.startsWith('effects-after'))).toBe(true);
  }, 90_000);
});
