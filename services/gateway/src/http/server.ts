import type { IncomingMessage, ServerOptions } from 'node:http';
import { newId } from '@deskhand/contracts';
import { withRequest } from '@deskhand/platform';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { fastify, type FastifyReply } from 'fastify';
import { bodyLimitOf, isDeclared } from './declared-routes.ts';
import { securityHeaders } from './security-headers.ts';
import type { WebApp } from './web-app.ts';

/** Bytes of a request's body, unless its route says otherwise. */
const bodyLimit = 1_048_576;
const json = 'application/json; charset=utf-8';
const error = (code: string, message: string): string => JSON.stringify({ code, message });

/**
 * Fastify as the gateway runs it: JSON bodies only, strict paths, every answer with the security headers and the request's
 * id, and no route but the declared ones.
 */
export function createAdapter(webApp: WebApp): FastifyAdapter {
  const headers = securityHeaders(webApp.scriptHashes);
  const server = fastify({
    logger: false,
    bodyLimit,
    requestTimeout: 60_000,
    keepAliveTimeout: 65_000,
    forceCloseConnections: true,
    genReqId: (request) => requestIdOf(request.headers['x-request-id']),
    routerOptions: { maxParamLength: 400 },
    // Other protocols that a client offers on the way are not taken up; the request itself is answered as it is.
    http: { shouldUpgradeCallback: (request: IncomingMessage) => request.headers.upgrade?.toLowerCase() === 'websocket' } as ServerOptions,
    frameworkErrors: (_problem, request, reply) => {
      void (reply as FastifyReply).headers({ ...headers, 'x-request-id': request.id }).code(400).type(json).send(error('BAD_INPUT', 'This address cannot be read'));
    },
    clientErrorHandler: (problem, socket) => {
      if (problem.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
      const [status, body] = problem.code === 'HPE_HEADER_OVERFLOW' ? ['431 Request Header Fields Too Large', error('TOO_LARGE', 'The headers are too large')] : ['400 Bad Request', error('BAD_INPUT', 'This is not HTTP')];
      socket.end(`HTTP/1.1 ${status}\r\ncontent-type: ${json}\r\nx-content-type-options: nosniff\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`);
    },
  });
  server.removeAllContentTypeParsers();
  const parse = server.getDefaultJsonParser('error', 'error');
  server.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') return done(null, undefined);
    void parse(request, body as string, done);
  });
  server.addHook('onRoute', (options) => {
    for (const method of [options.method].flat()) if (!isDeclared(method, options.url)) throw new Error(`${method} ${options.url} is no declared route`);
    const limit = bodyLimitOf([options.method].flat(), options.url);
    if (limit !== undefined) options.bodyLimit = limit;
  });
  server.addHook('onRequest', (request, reply, done) => {
    reply.headers(headers).header('x-request-id', request.id);
    if (!request.is404) reply.header('cache-control', 'no-store');
    if (request.is404 && webApp.serve(request, reply)) return;
    withRequest({ requestId: request.id }, done);
  });
  // Reading a body leaves the context that the first hook made.
  server.addHook('preValidation', (request, _reply, done) => withRequest({ requestId: request.id }, done));
  return new FastifyAdapter(server as never);
}

function requestIdOf(given: string | string[] | undefined): string {
  return typeof given === 'string' && /^[A-Za-z0-9_.:-]{1,100}$/.test(given) ? given : newId();
}
