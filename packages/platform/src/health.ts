export interface PartHealth {
  ready: boolean;
  problem?: string;
}

/** What a service needs to work, each part with a check that throws when it does not. */
export class Health {
  private readonly checks = new Map<string, () => Promise<void>>();

  add(part: string, check: () => Promise<void>): void {
    this.checks.set(part, check);
  }

  async inspect(): Promise<Record<string, PartHealth>> {
    const parts = await Promise.all(
      [...this.checks].map(async ([part, check]): Promise<[string, PartHealth]> => {
        try {
          await check();
          return [part, { ready: true }];
        } catch (error) {
          return [part, { ready: false, problem: error instanceof Error ? error.message : String(error) }];
        }
      }),
    );
    return Object.fromEntries(parts);
  }
}
