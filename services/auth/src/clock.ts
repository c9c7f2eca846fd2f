import { Injectable } from '@nestjs/common';

/** The time, so that tests can move it. */
@Injectable()
export class Clock {
  /** Unix milliseconds. */
  now(): number {
    return Date.now();
  }
}

/** RFC 3339, UTC, milliseconds; null stays null. */
export function timestamp(time: number): string;
export function timestamp(time: number | null): string | null;
export function timestamp(time: number | null): string | null {
  return time === null ? null : new Date(time).toISOString();
}

/** `YYYY-MM-DD HH:MM:SS`, UTC: how the first clients of the REST interface read `created_at` of an account. */
export function plainTimestamp(time: number): string {
  return new Date(time).toISOString().slice(0, 19).replace('T', ' ');
}
