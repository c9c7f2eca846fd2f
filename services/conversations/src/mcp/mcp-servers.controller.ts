import { Controller } from '@nestjs/common';
import { mcp as contracts, type InputOf } from '@deskhand/contracts';
import { Serves } from '@deskhand/platform';
import { McpSecrets } from './mcp-secrets.ts';
import { McpServers } from './mcp-servers.service.ts';

/** What administrators and people ask about MCP servers, through the gateway. */
@Controller()
export class McpServersController {
  constructor(private readonly servers: McpServers, private readonly secrets: McpSecrets) {}

  @Serves(contracts.sealingKey) async sealingKey() { return { public_key: this.secrets.publicKey }; }
  @Serves(contracts.list) list() { return this.servers.list(); }
  @Serves(contracts.get) get({ server_id }: InputOf<typeof contracts.get>) { return this.servers.get(server_id); }
  @Serves(contracts.create) create(input: InputOf<typeof contracts.create>) { return this.servers.create(input); }
  @Serves(contracts.update) update({ server_id, ...changes }: InputOf<typeof contracts.update>) { return this.servers.update(server_id, changes); }
  @Serves(contracts.remove) async remove({ server_id }: InputOf<typeof contracts.remove>) { await this.servers.remove(server_id); return {}; }
  @Serves(contracts.prepareTest) prepareTest({ user_id, server_id }: InputOf<typeof contracts.prepareTest>) { return this.servers.prepareTest(user_id, server_id); }
  @Serves(contracts.chosen) chosen({ user_id, conversation_id }: InputOf<typeof contracts.chosen>) { return this.servers.chosen(user_id, conversation_id); }
  @Serves(contracts.choose) choose(input: InputOf<typeof contracts.choose>) { return this.servers.choose(input); }
}
