import type { IncomingMessage } from 'node:http';
import { Injectable } from '@nestjs/common';
import { DeclaredError, desktop, grants, type GrantClaims } from '@deskhand/contracts';
import { Bus, KeyRing, verifyGrant } from '@deskhand/platform';
import type { WebSocket } from 'ws';
import { isOwnOrigin } from '../http/same-origin.ts';
import type { Caller } from '../identity/caller.ts';
import { Revocations } from '../identity/revocations.ts';
import { GatewaySettings } from '../settings.ts';
import { OpenStreams } from '../streams/open-streams.ts';
import type { UpgradeEndpoint } from '../streams/upgrade-endpoint.ts';
import { DataPlane } from './data-plane.ts';
import { ViewerSocket } from './viewer-socket.ts';

export const desktopPath = '/api/desktop';

/** `/api/desktop?ticket=…`: the picture of a desktop and the way back, in the words of RFB. The ticket says whose and which. */
@Injectable()
export class DesktopEndpoint implements UpgradeEndpoint {
  readonly path = desktopPath;
  /** Bytes of one frame of a viewer: a pasted text is the largest. */
  readonly maxPayload = 1_048_576;
  private readonly keys: KeyRing;

  constructor(
    private readonly bus: Bus, private readonly plane: DataPlane, private readonly streams: OpenStreams, private readonly revocations: Revocations, private readonly settings: GatewaySettings,
  ) {
    this.keys = new KeyRing(async () => bus.request(grants.keys, {}));
  }

  /** The connection to the computer stands before the protocol changes, so that a refusal is an HTTP error. */
  async admit(request: IncomingMessage, query: URLSearchParams): Promise<(socket: WebSocket) => void> {
    const ticket = query.get('ticket');
    if (ticket === null || ticket === '') throw new DeclaredError('UNAUTHENTICATED', 'A desktop needs a ticket');
    const { origin, host } = request.headers;
    if (origin !== undefined && !isOwnOrigin(origin, host, this.settings.publicUrl)) throw new DeclaredError('FORBIDDEN', 'This connection comes from another site');
    const claims = await this.claimsOf(ticket);
    const expected = this.plane.expect();
    try {
      await this.bus.request(desktop.watch, { computer_id: claims.computer_id, ticket, host: expected.host, port: expected.port, token: expected.token });
    } catch (error) {
      expected.cancel();
      throw error;
    }
    const computer = await expected.arrived;
    return (socket) => {
      const viewer = new ViewerSocket(socket, computer, callerOf(claims));
      try {
        socket.on('close', this.streams.add(viewer));
      } catch {
        socket.close(1_013, 'Too many open streams');
      }
    };
  }

  private async claimsOf(ticket: string): Promise<GrantClaims> {
    if (ticket.length > 4_096) throw new DeclaredError('UNAUTHENTICATED', 'This ticket is not valid');
    const claims = await verifyGrant(await this.keys.keysFor(ticket), ticket).catch(() => null);
    if (claims === null || claims.jti === undefined) throw new DeclaredError('UNAUTHENTICATED', 'This ticket is not valid');
    if (claims.session_id !== undefined && this.revocations.isRevoked(claims.session_id)) throw new DeclaredError('UNAUTHENTICATED', 'The session has ended');
    return claims;
  }
}

/** A viewer has the rights of its ticket and no others; it ends with the session that asked for it. */
function callerOf({ sub, session_id }: GrantClaims): Caller {
  return { userId: sub, username: '', isAdmin: false, api: false, metrics: false, sessionId: session_id ?? '', expiresAt: null, kind: 'session' };
}
