import type { Fields } from './fields.ts';

/** Reads an upstream's events and says them to a sink. */
export interface StreamReader {
  /** The turn has ended, well or not: what follows is not for anybody. */
  readonly over: boolean;
  event(data: Fields): void;
  /** The format's own last word, `[DONE]`. */
  done(): void;
  /** The stream ended. */
  end(): void;
}
