import { randomBytes } from 'node:crypto';
import { DeclaredError } from '@deskhand/contracts';
import { Injectable } from '@nestjs/common';
import { hash, verify } from '@node-rs/argon2';

/** Hashes run on Node's thread pool; two at once leave threads for files and names, and bound the memory. */
const together = 2;
const mostWaiting = 200;

const base64 = (bytes: number) => randomBytes(bytes).toString('base64').replace(/=+$/, '');
const [salt, digest] = [base64(16), base64(32)];

/** Argon2id hashes, made beside the event loop, a few at a time. */
@Injectable()
export class PasswordHasher {
  /** Argon2id: 32 MiB, two passes, one lane; about 25 ms of one core. Tests that hash by the hundred ask for less memory. */
  readonly cost = { memoryCost: 32_768, timeCost: 2, parallelism: 1 };
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  /** A PHC string with its own salt. */
  hash(password: string): Promise<string> {
    return this.inTurn(() => hash(password.normalize('NFC'), this.cost));
  }

  /** With `stored` null it does the same work and answers false, so that a missing account takes as long as a wrong password. */
  async matches(stored: string | null, password: string): Promise<boolean> {
    const equal = await this.inTurn(() => verify(stored ?? this.decoy(), password.normalize('NFC')));
    return equal && stored !== null;
  }

  /** A hash of nothing, of the same cost: no password has it. */
  private decoy(): string {
    return `$argon2id$v=19$m=${this.cost.memoryCost},t=${this.cost.timeCost},p=${this.cost.parallelism}$${salt}$${digest}`;
  }

  private async inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.running >= together) {
      if (this.waiting.length >= mostWaiting) throw new DeclaredError('RATE_LIMITED', 'Too many people sign in at this moment. Try again in a few seconds', { retry_after_seconds: 5 });
      // Who ends hands its place over, so `running` does not change here.
      await new Promise<void>((start) => this.waiting.push(start));
    } else {
      this.running++;
    }
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      if (next) next();
      else this.running--;
    }
  }
}
