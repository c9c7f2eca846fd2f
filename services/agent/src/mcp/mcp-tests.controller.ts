import { agent, DeclaredError, newId, sandbox, type InputOf, type McpServer, type OutputOf } from '@deskhand/contracts';
import { McpFailure, type ToolList } from '@deskhand/mcp';
import { Bus, Log, Serves } from '@deskhand/platform';
import { AddressPolicy, guardedFetch } from '@deskhand/platform/outgoing';
import { Controller } from '@nestjs/common';
import { agentConfig } from '../configuration.ts';
import { BusComputer } from '../worker/bus-computer.ts';
import { toolsInComputer } from './computer-servers.ts';
import { remoteLimits, RemoteSessions } from './remote-sessions.ts';

type Tested = OutputOf<typeof agent.testMcpServer>;
type TestComputer = InputOf<typeof agent.testMcpServer>['computer'];

/** A test ends by its own limits; nobody stops it. */
const stop = { abandoned: new AbortController().signal, interrupted: new AbortController().signal, draining: new AbortController().signal };
const clock = { now: () => performance.now(), sleep: (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds)) };

/** Tries a server as a run would, for the administrator who defines it. */
@Controller()
export class McpTestsController {
  constructor(private readonly bus: Bus, private readonly log: Log) {}

  @Serves(agent.testMcpServer)
  async test({ server, computer }: InputOf<typeof agent.testMcpServer>): Promise<Tested> {
    const begun = clock.now();
    const tested = (rest: Omit<Tested, 'duration_ms'>): Tested => ({ ...rest, duration_ms: Math.round(clock.now() - begun) });
    try {
      const { tools, left_out } = server.transport === 'stdio' ? await this.inside(server, computer) : await this.elsewhere(server);
      return tested({ ok: true, message: '', tools: tools.map(({ name, description, read_only }) => ({ name, description, read_only })), left_out });
    } catch (error) {
      if (!(error instanceof McpFailure)) throw error;
      return tested({ ok: false, message: error.message, tools: [], left_out: [] });
    }
  }

  private async inside(server: McpServer, { grant, ...place }: TestComputer): Promise<ToolList> {
    try {
      return await toolsInComputer(server, { computer: new BusComputer(this.bus, { held: true, grant, run: place }), clock, stop, newId });
    } finally {
      // Not awaited: the answer is there. One that stays is found by its manager, for it belongs to nothing.
      void this.bus.request(sandbox.discard, { computer_id: place.computer_id, grant }).catch((error: unknown) => {
        if (!(error instanceof DeclaredError)) throw error;
        this.log.warn('The computer of a test was not removed', { computer: place.computer_id, error });
      });
    }
  }

  private async elsewhere(server: McpServer): Promise<ToolList> {
    const { ALLOWED_PRIVATE_HOSTS: allowed, MCP_KEY: key } = agentConfig.value;
    const sessions = new RemoteSessions(guardedFetch(new AddressPolicy(allowed), remoteLimits), key);
    try {
      return await sessions.of(newId()).tools(server);
    } finally {
      await sessions.close();
    }
  }
}
