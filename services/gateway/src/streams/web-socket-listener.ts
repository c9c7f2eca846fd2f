import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { DeclaredError, newId } from '@deskhand/contracts';
import { Bus, Lifecycle, Log, withRequest } from '@deskhand/platform';
import { WebSocketServer } from 'ws';
import { ConversationFeeds } from '../feed/conversation-feeds.ts';
import { bodyOf } from '../http/error-filter.ts';
import { isOwnOrigin } from '../http/same-origin.ts';
import { Authenticator, type Credential } from '../identity/authenticator.ts';
import type { Caller } from '../identity/caller.ts';
import { GatewaySettings } from '../settings.ts';
import { ClientSocket } from './client-socket.ts';
import { ListHints } from './list-hints.ts';
import { OpenStreams } from './open-streams.ts';

/** Bytes of one frame from a client. */
const maxPayload = 262_144;

/** `/api/ws`: checks who knocks before the protocol changes, then hands the socket over. */
@Injectable()
export class WebSocketListener {
  private readonly server = new WebSocketServer({ noServer: true, maxPayload, perMessageDeflate: false, clientTracking: false });

  constructor(
    private readonly authenticator: Authenticator,
    private readonly settings: GatewaySettings,
    private readonly streams: OpenStreams,
    private readonly feeds: ConversationFeeds,
    private readonly hints: ListHints,
    private readonly bus: Bus,
    private readonly log: Log,
    private readonly lifecycle: Lifecycle,
  ) {}

  attach(server: Server): void {
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      socket.on('error', () => socket.destroy());
      this.admit(request).then(
        (caller) => this.server.handleUpgrade(request, socket, head, (webSocket) => this.open(caller, webSocket)),
        (error: unknown) => this.refuse(socket, error),
      );
    });
  }

  private open(caller: Caller, webSocket: import('ws').WebSocket): void {
    const socket = new ClientSocket(webSocket, caller, { feeds: this.feeds, hints: this.hints, bus: this.bus, log: this.log });
    try {
      const remove = this.streams.add(socket);
      webSocket.on('close', remove);
    } catch {
      webSocket.close(1013, 'Too many open streams');
    }
  }

  private async admit(request: IncomingMessage): Promise<Caller> {
    const url = new URL(request.url ?? '/', 'http://gateway');
    if (url.pathname !== '/api/ws' || request.method !== 'GET') throw new DeclaredError('NOT_FOUND', 'Not found');
    if (this.lifecycle.draining) throw new DeclaredError('UNAVAILABLE', 'The server is restarting');
    const credential = this.credentialOf(request, url.searchParams.get('token'));
    // A browser adds the cookie whichever page asks, so the page has to be ours.
    if (credential.from === 'cookie' && !isOwnOrigin(request.headers.origin, request.headers.host, this.settings.publicUrl)) throw new DeclaredError('FORBIDDEN', 'This connection comes from another site');
    const caller = await withRequest({ requestId: newId() }, async () => this.authenticator.identify(credential.token));
    if (!caller.api) throw new DeclaredError('FORBIDDEN', 'This token is not for that');
    return caller;
  }

  private credentialOf({ headers }: IncomingMessage, token: string | null): Credential {
    if (headers.authorization === undefined && token !== null) return { token, from: 'address' };
    return this.authenticator.credentialOf(headers);
  }

  private refuse(socket: Duplex, error: unknown): void {
    if (!(error instanceof DeclaredError)) this.log.error('A WebSocket could not be opened', { error });
    const declared = error instanceof DeclaredError ? error : new DeclaredError('INTERNAL', 'Something went wrong inside; it is in the log');
    const body = JSON.stringify(bodyOf(declared));
    socket.end(`HTTP/1.1 ${declared.status} Refused\r\ncontent-type: application/json; charset=utf-8\r\nx-content-type-options: nosniff\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`);
  }
}
