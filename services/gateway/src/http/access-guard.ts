import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { DeclaredError, type Route } from '@deskhand/contracts';
import type { FastifyRequest } from 'fastify';
import { Authenticator } from '../identity/authenticator.ts';
import { setCaller, type Caller } from '../identity/caller.ts';
import { GatewaySettings } from '../settings.ts';
import { routeKey } from './handles.ts';
import { isCrossSite, isUnsafe } from './same-origin.ts';

/** Stands before every handler. What declares no access is closed to everybody. */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(private readonly authenticator: Authenticator, private readonly settings: GatewaySettings) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    if (context.getType() !== 'http') return true;
    const route = Reflect.getMetadata(routeKey, context.getHandler()) as Route | undefined;
    if (route === undefined) throw new DeclaredError('NOT_FOUND', 'Not found');
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    if (route.access === 'public') {
      // Signing somebody in as somebody else from another site is an attack too.
      if (isUnsafe(request.method) && request.headers.authorization === undefined) this.refuseOtherSites(request);
      return true;
    }
    const credential = this.authenticator.credentialOf(request.headers);
    const caller = await this.authenticator.identify(credential.token);
    if (credential.from === 'cookie' && (isUnsafe(request.method) || route.contentType === 'text/event-stream')) this.refuseOtherSites(request);
    assertAccess(route.access, caller);
    setCaller(request, caller);
    return true;
  }

  private refuseOtherSites(request: FastifyRequest): void {
    if (isCrossSite(request.headers, this.settings.publicUrl)) throw new DeclaredError('FORBIDDEN', 'This request comes from another site');
  }
}

function assertAccess(access: Exclude<Route['access'], 'public'>, caller: Caller): void {
  if (access === 'metrics' ? !caller.metrics : !caller.api) throw new DeclaredError('FORBIDDEN', 'This token is not for that');
  if (access === 'admin' && !caller.isAdmin) throw new DeclaredError('FORBIDDEN', 'admin privileges required');
}
