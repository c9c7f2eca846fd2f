import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { DeclaredError } from '@deskhand/contracts';
import { Lifecycle, Log } from '@deskhand/platform';
import { WebSocketServer } from 'ws';
import { DesktopEndpoint } from '../desktop/desktop-endpoint.ts';
import { bodyOf } from '../http/error-filter.ts';
import type { UpgradeEndpoint } from './upgrade-endpoint.ts';
import { WebSocketListener } from './web-socket-listener.ts';

/** Every request to change the protocol: to the endpoint of its path, or refused as an HTTP error. */
@Injectable()
export class Upgrades {
  private readonly endpoints: ReadonlyMap<string, { endpoint: UpgradeEndpoint; server: WebSocketServer }>;

  constructor(events: WebSocketListener, desktop: DesktopEndpoint, private readonly lifecycle: Lifecycle, private readonly log: Log) {
    this.endpoints = new Map([events, desktop].map((endpoint: UpgradeEndpoint) => [
      endpoint.path, { endpoint, server: new WebSocketServer({ noServer: true, maxPayload: endpoint.maxPayload, perMessageDeflate: false, clientTracking: false }) },
    ]));
  }

  attach(server: Server): void {
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      socket.on('error', () => socket.destroy());
      this.take(request, socket, head).catch((error: unknown) => this.refuse(socket, error));
    });
  }

  private async take(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://gateway');
    const found = this.endpoints.get(url.pathname);
    if (found === undefined || request.method !== 'GET') throw new DeclaredError('NOT_FOUND', 'Not found');
    if (this.lifecycle.draining) throw new DeclaredError('UNAVAILABLE', 'The server is restarting');
    const open = await found.endpoint.admit(request, url.searchParams);
    found.server.handleUpgrade(request, socket, head, open);
  }

  private refuse(socket: Duplex, error: unknown): void {
    if (!(error instanceof DeclaredError)) this.log.error('A WebSocket could not be opened', { error });
    const declared = error instanceof DeclaredError ? error : new DeclaredError('INTERNAL', 'Something went wrong inside; it is in the log');
    const body = JSON.stringify(bodyOf(declared));
    socket.end(`HTTP/1.1 ${declared.status} Refused\r\ncontent-type: application/json; charset=utf-8\r\nx-content-type-options: nosniff\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`);
  }
}
