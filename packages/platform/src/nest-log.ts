import type { LoggerService } from '@nestjs/common';
import type { Log } from './log.ts';

/** Nest's own lines, in our log: its start-up chatter only when debugging. */
export class NestLog implements LoggerService {
  constructor(private readonly sink: Log) {}

  log(text: unknown): void {
    this.sink.debug(String(text));
  }

  debug(text: unknown): void {
    this.sink.debug(String(text));
  }

  verbose(text: unknown): void {
    this.sink.debug(String(text));
  }

  warn(text: unknown): void {
    this.sink.warn(String(text));
  }

  error(text: unknown, stack?: unknown): void {
    this.sink.error(String(text), { stack });
  }

  fatal(text: unknown, stack?: unknown): void {
    this.sink.error(String(text), { stack });
  }
}
