import { Catch, HttpException, Injectable, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { DeclaredError, errorStatus, isErrorCode, type ErrorBody, type ErrorCode } from '@deskhand/contracts';
import { Log } from '@deskhand/platform';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { methodsOf } from './declared-routes.ts';

const codeOfStatus: Readonly<Record<number, ErrorCode>> = {
  400: 'BAD_INPUT', 401: 'UNAUTHENTICATED', 403: 'FORBIDDEN', 404: 'NOT_FOUND', 405: 'METHOD_NOT_ALLOWED', 408: 'TIMEOUT', 413: 'TOO_LARGE', 414: 'BAD_INPUT', 415: 'UNSUPPORTED_MEDIA_TYPE', 429: 'RATE_LIMITED', 431: 'TOO_LARGE', 503: 'UNAVAILABLE',
};

/** Turns whatever was thrown into the one shape of errors. What nobody declared is logged, once, and says nothing to the client. */
@Catch()
@Injectable()
export class ErrorFilter implements ExceptionFilter {
  constructor(private readonly log: Log) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    if (reply.sent || reply.raw.headersSent) return this.log.error('A request failed after its answer had begun', { error });
    const declared = this.declare(error, request);
    if (declared.code === 'INTERNAL') this.log.error(`${request.method} ${request.routeOptions.url ?? 'unknown route'} failed`, { error });
    if (Array.isArray(declared.details?.allowed)) reply.header('allow', declared.details.allowed.join(', '));
    if (declared.code === 'RATE_LIMITED' && typeof declared.details?.retry_after_seconds === 'number') reply.header('retry-after', Math.ceil(declared.details.retry_after_seconds));
    if (declared.code === 'UNAUTHENTICATED') reply.header('www-authenticate', 'Bearer');
    void reply.code(declared.status).type('application/json; charset=utf-8').send(JSON.stringify(bodyOf(declared)));
  }

  private declare(error: unknown, request: FastifyRequest): DeclaredError {
    if (error instanceof DeclaredError) return error;
    const status = error instanceof HttpException ? error.getStatus() : Number((error as { statusCode?: unknown } | null)?.statusCode);
    const code = codeOfStatus[status];
    if (code === undefined) return new DeclaredError('INTERNAL', 'Something went wrong inside; it is in the log', undefined, { cause: error });
    if (code === 'NOT_FOUND') return notFound(request);
    return new DeclaredError(code, plainText[code] ?? 'This request cannot be understood');
  }
}

/** Fastify's own errors, in words that name no library. */
const plainText: Partial<Record<ErrorCode, string>> = {
  BAD_INPUT: 'The body is not valid JSON',
  TOO_LARGE: 'The body is too large',
  UNSUPPORTED_MEDIA_TYPE: 'Send JSON with the header content-type: application/json',
};

function notFound(request: FastifyRequest): DeclaredError {
  const allowed = methodsOf(request.url.split('?', 1)[0]!);
  if (allowed.length > 0 && !allowed.includes(request.method === 'HEAD' ? 'GET' : request.method)) {
    return new DeclaredError('METHOD_NOT_ALLOWED', `${request.method} is not possible here`, { allowed });
  }
  return new DeclaredError('NOT_FOUND', 'Not found');
}

export function bodyOf({ code, message, details }: DeclaredError): ErrorBody {
  return { code: isErrorCode(code) && code in errorStatus ? code : 'INTERNAL', message, ...(details !== undefined && { details }) };
}
