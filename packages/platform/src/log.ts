import { pino, type Logger as Pino } from 'pino';
import { currentRequest } from './request-context.ts';
import { redact, redactText } from './redact.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Structured log lines on standard output. Whatever is given is redacted first: no secret leaves through a log. */
export class Log {
  constructor(private readonly sink: Pino = pino({ level: 'silent' })) {}

  static forService(service: string, level: string): Log {
    return new Log(pino({ level, base: { service }, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } }));
  }

  child(fields: Fields): Log {
    return new Log(this.sink.child(redact(fields) as object));
  }

  debug(text: string, fields?: Fields): void {
    if (this.sink.isLevelEnabled('debug')) this.sink.debug(this.compose(fields), redactText(text));
  }

  info(text: string, fields?: Fields): void {
    this.sink.info(this.compose(fields), redactText(text));
  }

  warn(text: string, fields?: Fields): void {
    this.sink.warn(this.compose(fields), redactText(text));
  }

  error(text: string, fields?: Fields): void {
    this.sink.error(this.compose(fields), redactText(text));
  }

  private compose(fields?: Fields): object {
    const request = currentRequest();
    return { ...(request && { request: request.requestId }), ...(fields && (redact(fields) as object)) };
  }
}
