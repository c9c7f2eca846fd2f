import { Controller } from '@nestjs/common';
import { api, auth, DeclaredError, type AnswerOf, type Session } from '@deskhand/contracts';
import { Bus } from '@deskhand/platform';
import type { FastifyReply } from 'fastify';
import { clearedCookies, readCookie, refreshCookie, sessionCookies } from '../http/cookies.ts';
import { Ask, Handles, type Asked } from '../http/handles.ts';
import { GatewaySettings } from '../settings.ts';

/** Sessions. Every answer with a session also sets its cookies, for the web app. */
@Controller()
export class AuthController {
  constructor(private readonly bus: Bus, private readonly settings: GatewaySettings) {}

  @Handles(api.registration)
  async registration(): Promise<AnswerOf<typeof api.registration>> {
    return this.bus.request(auth.status, {});
  }

  @Handles(api.register)
  async register(@Ask() { body, request, reply }: Asked<typeof api.register>): Promise<Session> {
    return this.keep(reply, await this.bus.request(auth.register, { ...body, address: request.ip }));
  }

  @Handles(api.login)
  async login(@Ask() { body, request, reply }: Asked<typeof api.login>): Promise<Session> {
    return this.keep(reply, await this.bus.request(auth.login, { ...body, address: request.ip }));
  }

  @Handles(api.refresh)
  async refresh(@Ask() asked: Asked<typeof api.refresh>): Promise<Session> {
    const refresh_token = refreshTokenOf(asked);
    if (refresh_token === null) throw new DeclaredError('UNAUTHENTICATED', 'Invalid refresh token');
    try {
      return this.keep(asked.reply, await this.bus.request(auth.refresh, { refresh_token }));
    } catch (error) {
      if (error instanceof DeclaredError && error.code === 'UNAUTHENTICATED') this.forget(asked.reply);
      throw error;
    }
  }

  @Handles(api.logout)
  async logout(@Ask() asked: Asked<typeof api.logout>): Promise<AnswerOf<typeof api.logout>> {
    const refresh_token = refreshTokenOf(asked);
    this.forget(asked.reply);
    if (refresh_token !== null) await this.bus.request(auth.logout, { refresh_token });
    return { message: 'Logged out' };
  }

  private keep(reply: FastifyReply, session: Session): Session {
    reply.header('set-cookie', sessionCookies(session, this.settings.secureCookies));
    return session;
  }

  private forget(reply: FastifyReply): void {
    reply.header('set-cookie', clearedCookies(this.settings.secureCookies));
  }
}

/** The body's token when there is one, else the cookie's. */
function refreshTokenOf({ body, request }: Pick<Asked<typeof api.refresh>, 'body' | 'request'>): string | null {
  return body.refresh_token ?? readCookie(request.headers.cookie, refreshCookie);
}
