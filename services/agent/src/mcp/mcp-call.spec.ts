import { DeclaredError, type McpServer } from '@deskhand/contracts';
import { McpFailure, type ToolFacts } from '@deskhand/mcp';
import { describe, expect, it } from 'vitest';
import { FakeComputer } from '../../test/fakes/computer.ts';
import { FakeJournal } from '../../test/fakes/journal.ts';
import { answer, ScriptedModel } from '../../test/fakes/model.ts';
import { mortal, work, type Stage } from '../../test/fakes/world.ts';
import type { RemoteServers } from '../loop/ports.ts';

/** Real: the loop. Fakes: journal, computer (which keeps outcomes by call), model, servers elsewhere. */

const local: McpServer = { id: 'local-id', name: 'Local', handle: 'local', transport: 'stdio', command: 'serve', args: ['-x'], url: null, environment: 'as stored', headers: null };
const remote: McpServer = { id: 'remote-id', name: 'Remote', handle: 'remote', transport: 'streamable-http', command: null, args: [], url: 'https://example.org/mcp', environment: null, headers: null };
const facts = (name: string, readOnly = false): ToolFacts => ({ name, description: `Does ${name}`, parameters: { type: 'object', properties: {} }, read_only: readOnly });
const line = (value: object) => `${JSON.stringify(value)}\n`;

class Servers implements RemoteServers {
  readonly calls: string[] = [];
  fails: McpFailure | null = null;
  hangs = false;
  async tools() {
    if (this.fails) throw this.fails;
    return { tools: [facts('look', true), facts('act')], left_out: [] };
  }
  async call(_: McpServer, tool: string) {
    this.calls.push(tool);
    if (this.hangs) await new Promise(() => {});
    return { text: `${tool} done`, is_error: false, images: [{ media_type: 'image/png' as const, bytes: Buffer.from('picture') }] };
  }
}

/** `said`: what the program in the computer answers to a call; null when it never ends. */
function stage(calls: { name: string; arguments: object }[], said: string | null = line({ type: 'result', text: 'seven', is_error: false, images: [] })): Stage & { remote: Servers } {
  const tools = line({ type: 'tools', tools: [facts('count')], left_out: [], starter: 'starter-1' });
  return {
    journal: new FakeJournal(),
    computer: new FakeComputer(({ argv }) => {
      if (argv.at(-1) === 'tools') return { parts: [tools] };
      if (argv.includes('part')) return { parts: [`${Buffer.from('dot').toString('base64')}\n`] };
      return said === null ? { parts: [], hangs: true } : { parts: [said] };
    }),
    model: new ScriptedModel((_, step) => (step === 0 ? answer({ calls }) : answer({ text: 'Done.' }))),
    deltas: [],
    remote: new Servers(),
    servers: [local, remote],
  };
}
const results = ({ journal }: Stage) => [...journal.results.values()].flat();
const commands = ({ computer }: Stage, verb: string) => [...computer.commands.values()].map(({ command }) => command).filter(({ argv }) => argv.includes(verb));

describe('tools of MCP servers', () => {
  it('stand among the others, and calls of those inside the computer run without asking', async () => {
    const world = stage([{ name: 'mcp__local__count', arguments: { of: 'days' } }]);
    expect(await work(world).outcome).toEqual({ type: 'ended' });
    expect(world.model.requests[0]!.tools.map(({ name }) => name)).toEqual(['bash', 'read', 'write', 'edit', 'computer', 'mcp__local__count', 'mcp__remote__look', 'mcp__remote__act']);
    expect(results(world)).toMatchObject([{ is_error: false, result: { output: 'seven', display: { server: 'Local', tool: 'count' } } }]);
    const [call] = commands(world, 'call');
    expect(call).toMatchObject({ argv: ['/usr/local/bin/node', '--no-warnings', '/opt/deskhand/mcp.mjs', 'call'], mcp_environment: { server_id: 'local-id', stored: 'as stored' } });
    expect(JSON.parse(call!.stdin!)).toMatchObject({ server: { id: 'local-id', command: 'serve', args: ['-x'] }, tool: 'count', arguments: { of: 'days' } });
  });

  it('SECURITY 18: never put what a model wrote, or an administrator, where a program is named', async () => {
    const world = stage([{ name: 'mcp__local__count', arguments: { of: '$(touch /tmp/x); `id`' } }]);
    await work(world).outcome;
    for (const { argv } of [...commands(world, 'call'), ...commands(world, 'tools')]) expect(argv.slice(0, 3)).toEqual(['/usr/local/bin/node', '--no-warnings', '/opt/deskhand/mcp.mjs']);
  });

  it('elsewhere ask first unless they only read, and show their pictures', async () => {
    const world = stage([{ name: 'mcp__remote__look', arguments: {} }, { name: 'mcp__remote__act', arguments: {} }]);
    expect(await work(world).outcome).toEqual({ type: 'parked' });
    expect(world.remote.calls).toEqual(['look']);
    expect([...world.journal.reasons.values()]).toEqual(['This reaches outside the conversation\'s computer, to the MCP server "Remote".']);
    world.journal.decide('allow');
    expect(await work(world).outcome).toEqual({ type: 'ended' });
    expect(world.remote.calls).toEqual(['look', 'act']);
    expect(results(world).map(({ result }) => [result.output, result.images?.[0]?.blob])).toEqual([['look done', 'kept 7'], ['act done', 'kept 7']]);
  });

  it('AGENT-7: a call elsewhere is never made again after a worker died in it, one inside the computer is taken over', async () => {
    const world = stage([{ name: 'mcp__remote__look', arguments: {} }, { name: 'mcp__local__count', arguments: {} }], null);
    world.remote.hangs = true;
    const first = work(world);
    await until(() => world.remote.calls.length === 1 && commands(world, 'call').length === 1);
    first.abandon();
    const [command] = [...world.computer.commands.values()].filter(({ command: { argv } }) => argv.includes('call'));
    Object.assign(command!, { output: line({ type: 'result', text: 'late', is_error: false, images: [] }), outcome: { exit_code: 0, signal: null, timed_out: false, killed: false, duration_ms: 1 } });
    expect(await work(world).outcome).toEqual({ type: 'ended' });
    expect(world.remote.calls).toEqual(['look']);
    expect(results(world).map(({ interrupted = false, result }) => [interrupted, result.output.slice(0, 24)])).toEqual(expect.arrayContaining([[true, 'The call was interrupted'], [false, 'late']]));
    expect(world.computer.executions.get(command!.command.call_id)).toBe(1);
  });

  it('AGENT-7: whenever a worker dies, no call takes effect twice, each has one result, and the run ends', async () => {
    const calls = [{ name: 'mcp__local__count', arguments: {} }, { name: 'mcp__remote__look', arguments: {} }, { name: 'mcp__remote__act', arguments: {} }];
    const whole = mortal(0);
    await work(stage(calls), whole).outcome;
    expect(whole.points()).toBeGreaterThan(20);
    for (let at = 1; at <= whole.points() + 12; at++) {
      const world = stage(calls);
      for (let lives = 0; world.journal.state !== 'ended'; lives++) {
        if (lives > 6) throw new Error(`The run does not come to an end after a death at ${at}`);
        if (world.journal.state === 'parked') world.journal.decide('allow');
        const life = mortal(lives === 0 ? at : 0);
        await Promise.race([work(world, life).outcome, life.died]);
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(world.journal.ended).toMatchObject({ reason: 'completed' });
      for (const tool of ['look', 'act']) expect(world.remote.calls.filter((called) => called === tool).length, `${tool} after a death at ${at}`).toBeLessThanOrEqual(1);
      for (const call of world.journal.calls.values()) {
        expect(world.journal.results.get(call.tool_call_id)).toHaveLength(1);
        const [result] = world.journal.results.get(call.tool_call_id)!;
        // What is not known is told so; what is told as done was done once.
        if (call.name === 'mcp__local__count' && result!.interrupted !== true) expect([result!.result.output, world.computer.executions.get(call.tool_call_id)]).toEqual(['seven', 1]);
      }
    }
  });

  it('that cannot be used are left out, and the person and the model are told once', async () => {
    const world = stage([{ name: 'mcp__remote__look', arguments: {} }]);
    world.remote.fails = new McpFailure('Nothing listens at its address', false);
    expect(await work(world).outcome).toEqual({ type: 'ended' });
    const notices = world.journal.entries.filter((entry) => entry.type === 'notice-added');
    expect(notices).toEqual([{ type: 'notice-added', kind: 'mcp-unavailable', text: 'The MCP server "Remote" cannot be used now, so its tools are left out: Nothing listens at its address' }]);
    expect(JSON.stringify(world.model.requests[0]!.messages)).toContain('cannot be used now');
    expect(results(world)).toMatchObject([{ is_error: true, result: { output: expect.stringContaining('There is no tool "mcp__remote__look"') } }]);
  });

  it('inside a computer that cannot be started do not keep the model from answering', async () => {
    const world = stage([]);
    for (let times = 0; times < 3; times++) world.computer.faults.push({ of: 'start', when: 'before', error: new DeclaredError('UNAVAILABLE', 'There is no engine') });
    expect(await work(world).outcome).toEqual({ type: 'ended' });
    expect(world.journal.entries.filter((entry) => entry.type === 'notice-added')).toMatchObject([{ text: expect.stringContaining('There is no engine') }]);
  });

  it('that crash in a call are named, and nobody knows what the call did', async () => {
    const world = stage([{ name: 'mcp__local__count', arguments: {} }], line({ type: 'problem', message: 'It ended with exit code 3', ran: true }));
    await work(world).outcome;
    expect(results(world)).toMatchObject([{ is_error: true, interrupted: true, result: { output: expect.stringMatching(/"Local" failed while the call ran.*exit code 3/) } }]);
  });

  it.each([['empty', '\n'], ['of something else', 'Killed\n'], ['of a wrong shape', '{"type":"result","text":5}\n'], ['deep', `${'['.repeat(5_000)}\n`], ['another answer', line({ type: 'tools', tools: [], left_out: [], starter: '' })]])('SECURITY 24: an answer that is %s is an error', async (_, said) => {
    const world = stage([{ name: 'mcp__local__count', arguments: {} }], said);
    expect(await work(world).outcome).toEqual({ type: 'ended' });
    expect(results(world)).toMatchObject([{ is_error: true, interrupted: true }]);
  });

  it('show pictures from inside the computer; one that changed on its way is named', async () => {
    const images = [{ media_type: 'image/png', size: 3, file: '/tmp/deskhand-mcp/a.picture' }, { media_type: 'image/png', size: 9, file: '/tmp/deskhand-mcp/b.picture' }];
    const world = stage([{ name: 'mcp__local__count', arguments: {} }], line({ type: 'result', text: '', is_error: false, images }));
    await work(world).outcome;
    expect(results(world)).toMatchObject([{ result: { output: '[a picture could not be kept]', images: [{ blob: 'kept 3' }] } }]);
  });

  it('SECURITY 17: a call that a person stops ends, and its server with it', async () => {
    const world = stage([{ name: 'mcp__local__count', arguments: {} }], null);
    const worker = work(world);
    await until(() => commands(world, 'call').length === 1);
    worker.interrupt();
    expect(await worker.outcome).toEqual({ type: 'ended' });
    expect(world.computer.killed).toEqual(expect.arrayContaining(['starter-1', commands(world, 'call')[0]!.call_id]));
    expect(results(world)).toMatchObject([{ is_error: true, interrupted: true }]);
    expect(world.journal.ended).toMatchObject({ reason: 'interrupted' });
  });
});

async function until(check: () => boolean): Promise<void> {
  for (let tries = 0; !check(); tries++) {
    if (tries > 2_000) throw new Error('It never was so');
    await new Promise((resolve) => setImmediate(resolve));
  }
}
