import { Controller } from '@nestjs/common';
import { agent, api, mcp, type AnswerOf, type BodyOf } from '@deskhand/contracts';
import { Bus, seal } from '@deskhand/platform';
import { Ask, Handles, type Asked } from '../http/handles.ts';

@Controller()
export class McpServersController {
  constructor(private readonly bus: Bus) {}

  @Handles(api.mcpServers)
  async servers(): Promise<AnswerOf<typeof api.mcpServers>> {
    const all = await this.bus.request(mcp.list, {});
    return all.filter((server) => server.is_enabled).map(({ id, name, description, transport, is_enabled }) => ({ id, name, description, transport, is_enabled }));
  }

  @Handles(api.chosenMcpServers)
  async chosen(@Ask() { caller, params }: Asked<typeof api.chosenMcpServers>): Promise<AnswerOf<typeof api.chosenMcpServers>> {
    return this.bus.request(mcp.chosen, { user_id: caller.userId, conversation_id: params.id! });
  }

  @Handles(api.chooseMcpServers)
  async choose(@Ask() { caller, params, body }: Asked<typeof api.chooseMcpServers>): Promise<void> {
    await this.bus.request(mcp.choose, { user_id: caller.userId, conversation_id: params.id!, server_ids: body.server_ids });
  }

  @Handles(api.allMcpServers)
  async all(): Promise<AnswerOf<typeof api.allMcpServers>> {
    return this.bus.request(mcp.list, {});
  }

  @Handles(api.mcpServer)
  async one(@Ask() { params }: Asked<typeof api.mcpServer>): Promise<AnswerOf<typeof api.mcpServer>> {
    return this.bus.request(mcp.get, { server_id: params.id! });
  }

  @Handles(api.createMcpServer)
  async create(@Ask() { body: { name, transport, ...rest } }: Asked<typeof api.createMcpServer>): Promise<AnswerOf<typeof api.createMcpServer>> {
    return this.bus.request(mcp.create, { name, transport, ...(await this.fields(rest)) });
  }

  @Handles(api.updateMcpServer)
  async update(@Ask() { params, body: { name, transport, ...rest } }: Asked<typeof api.updateMcpServer>): Promise<AnswerOf<typeof api.updateMcpServer>> {
    return this.bus.request(mcp.update, { server_id: params.id!, ...(name !== undefined && { name }), ...(transport !== undefined && { transport }), ...(await this.fields(rest)) });
  }

  @Handles(api.testMcpServer)
  async test(@Ask() { caller, params }: Asked<typeof api.testMcpServer>): Promise<AnswerOf<typeof api.testMcpServer>> {
    return this.bus.request(agent.testMcpServer, await this.bus.request(mcp.prepareTest, { user_id: caller.userId, server_id: params.id! }));
  }

  @Handles(api.removeMcpServer)
  async remove(@Ask() { params }: Asked<typeof api.removeMcpServer>): Promise<void> {
    await this.bus.request(mcp.remove, { server_id: params.id! });
  }

  /** Secrets leave this process only sealed to their owner, so that the bus never carries them readable. */
  private async fields({ env_vars, headers, description, args, ...rest }: Omit<BodyOf<typeof api.updateMcpServer>, 'name' | 'transport'>) {
    const needsKey = [env_vars, headers].some((values) => Object.values(values ?? {}).some((value) => value !== null));
    const key = needsKey ? (await this.bus.request(mcp.sealingKey, {})).public_key : '';
    const sealed = (values: Readonly<Record<string, string | null>>) => Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value === null ? null : seal(key, value)]));
    return {
      ...rest,
      ...(description !== undefined && { description: description ?? '' }),
      ...(args !== undefined && { args: args ?? [] }),
      ...(env_vars !== undefined && { sealed_env_vars: sealed(env_vars ?? {}) }),
      ...(headers !== undefined && { sealed_headers: sealed(headers ?? {}) }),
    };
  }
}
