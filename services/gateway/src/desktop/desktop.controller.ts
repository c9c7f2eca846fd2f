import { Controller } from '@nestjs/common';
import { api, conversations, DeclaredError, grants, leases, sandbox, type AnswerOf, type GrantRight } from '@deskhand/contracts';
import { BlobStore, Bus } from '@deskhand/platform';
import { Ask, Handles, type Asked } from '../http/handles.ts';
import { GatewaySettings } from '../settings.ts';
import { desktopPath } from './desktop-endpoint.ts';

const one = ({ caller, params }: { caller: { userId: string }; params: Readonly<Record<string, string>> }) => ({ user_id: caller.userId, conversation_id: params.id! });

/** A conversation's desktop: tickets to see it, turns to drive it, and the pictures that were made of it. */
@Controller()
export class DesktopController {
  constructor(private readonly bus: Bus, private readonly blobs: BlobStore, private readonly settings: GatewaySettings) {}

  @Handles(api.desktopTicket)
  async ticket(@Ask() asked: Asked<typeof api.desktopTicket>): Promise<AnswerOf<typeof api.desktopTicket>> {
    const { mode, client_id } = asked.body;
    const rights: GrantRight[] = mode === 'control' ? ['desktop:view', 'desktop:control'] : ['desktop:view'];
    const { grant, computer_id } = await this.bus.request(grants.issue, { ...one(asked), rights: ['computer:run', 'computer:manage'] });
    await this.bus.request(sandbox.start, { computer_id, grant, ...one(asked) });
    // Made after the computer is there: a ticket is good for a minute only.
    const ticket = await this.bus.request(grants.issue, { ...one(asked), rights, ticket: true, session_id: asked.caller.sessionId, ...(client_id !== undefined && { client_id }) });
    return { url: `${this.webSocketOrigin(asked.request.headers.host)}${desktopPath}?ticket=${encodeURIComponent(ticket.grant)}` };
  }

  @Handles(api.desktopLease)
  async lease(@Ask() asked: Asked<typeof api.desktopLease>): Promise<AnswerOf<typeof api.desktopLease>> {
    return this.bus.request(leases.of, one(asked));
  }

  @Handles(api.takeDesktop)
  async take(@Ask() asked: Asked<typeof api.takeDesktop>): Promise<AnswerOf<typeof api.takeDesktop>> {
    return this.bus.request(leases.take, { ...one(asked), ...asked.body });
  }

  @Handles(api.releaseDesktop)
  async release(@Ask() asked: Asked<typeof api.releaseDesktop>): Promise<AnswerOf<typeof api.releaseDesktop>> {
    await this.bus.request(leases.release, { ...one(asked), ...asked.query });
    return {};
  }

  @Handles(api.blob)
  async blob(@Ask() asked: Asked<typeof api.blob>): Promise<void> {
    await this.bus.request(conversations.get, one(asked));
    const found = await this.blobs.get(asked.params.id!, asked.params.blob!);
    if (found === null) throw new DeclaredError('NOT_FOUND', 'Not found');
    // Named by its content, it never changes; only its owner's browser may keep it.
    void asked.reply.header('content-type', found.mediaType).header('cache-control', 'private, max-age=31536000, immutable').send(found.bytes);
  }

  /** Where the browser reached us: behind a proxy that is the public address. */
  private webSocketOrigin(host: string | undefined): string {
    const { publicUrl } = this.settings;
    const secure = publicUrl?.protocol === 'https:';
    return `${secure ? 'wss' : 'ws'}://${secure || host === undefined ? (publicUrl?.host ?? 'localhost') : host}`;
  }
}
