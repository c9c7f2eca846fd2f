const remembered = 512;

/** The last attempts of blocks that are over: what still arrives of them is late and goes nowhere. Shared by all readers of a conversation. */
export class ClosedBlocks {
  private readonly attempts = new Map<string, number>();
  private readonly abandoned = new Map<string, number>();

  add(block: string, attempt: number): void {
    raise(this.attempts, block, attempt);
  }

  /** The attempt was given up: nobody will ever say what its whole text is. */
  abandon(block: string, attempt: number): void {
    this.add(block, attempt);
    raise(this.abandoned, block, attempt);
  }

  has(block: string, attempt: number): boolean {
    return attempt <= (this.attempts.get(block) ?? -1);
  }

  wasAbandoned(block: string, attempt: number): boolean {
    return attempt <= (this.abandoned.get(block) ?? -1);
  }
}

function raise(attempts: Map<string, number>, block: string, attempt: number): void {
  const known = attempts.get(block) ?? -1;
  attempts.delete(block);
  attempts.set(block, Math.max(known, attempt));
  if (attempts.size > remembered) attempts.delete(attempts.keys().next().value!);
}
