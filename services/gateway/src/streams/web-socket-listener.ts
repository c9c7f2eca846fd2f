import type { IncomingMessage } from 'node:http';
import { Injectable } from '@nestjs/common';
import { DeclaredError, longestMessageBody, newId } from '@deskhand/contracts';
import { Bus, Log, withRequest } from '@deskhand/platform';
import type { WebSocket } from 'ws';
import { ConversationFeeds } from '../feed/conversation-feeds.ts';
import { isOwnOrigin } from '../http/same-origin.ts';
import { Authenticator, type Credential } from '../identity/authenticator.ts';
import type { Caller } from '../identity/caller.ts';
import { GatewaySettings } from '../settings.ts';
import { ClientSocket } from './client-socket.ts';
import { ListHints } from './list-hints.ts';
import { OpenStreams } from './open-streams.ts';
import type { UpgradeEndpoint } from './upgrade-endpoint.ts';

/** `/api/ws`: conversations as they happen. */
@Injectable()
export class WebSocketListener implements UpgradeEndpoint {
  readonly path = '/api/ws';
  /** A message may be as long here as over REST. */
  readonly maxPayload = longestMessageBody;

  constructor(
    private readonly authenticator: Authenticator,
    private readonly settings: GatewaySettings,
    private readonly streams: OpenStreams,
    private readonly feeds: ConversationFeeds,
    private readonly hints: ListHints,
    private readonly bus: Bus,
    private readonly log: Log,
  ) {}

  async admit(request: IncomingMessage, query: URLSearchParams): Promise<(socket: WebSocket) => void> {
    const credential = this.credentialOf(request, query.get('token'));
    // A browser adds the cookie whichever page asks, so the page has to be ours.
    if (credential.from === 'cookie' && !isOwnOrigin(request.headers.origin, request.headers.host, this.settings.publicUrl)) throw new DeclaredError('FORBIDDEN', 'This connection comes from another site');
    const caller = await withRequest({ requestId: newId() }, async () => this.authenticator.identify(credential.token));
    if (!caller.api) throw new DeclaredError('FORBIDDEN', 'This token is not for that');
    return (socket) => this.open(caller, socket);
  }

  private open(caller: Caller, webSocket: WebSocket): void {
    const socket = new ClientSocket(webSocket, caller, { feeds: this.feeds, hints: this.hints, bus: this.bus, log: this.log });
    try {
      const remove = this.streams.add(socket);
      webSocket.on('close', remove);
    } catch {
      webSocket.close(1013, 'Too many open streams');
    }
  }

  private credentialOf({ headers }: IncomingMessage, token: string | null): Credential {
    if (headers.authorization === undefined && token !== null) return { token, from: 'address' };
    return this.authenticator.credentialOf(headers);
  }
}
