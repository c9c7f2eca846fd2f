import { wordsOf } from '../api/client.ts';

/** Something read from the server, with its wait and its failure as states to show. */
export class Loaded<Value> {
  value = $state.raw<Value | null>(null);
  problem = $state<string | null>(null);

  constructor(private readonly read: () => Promise<Value>) {}

  async load(): Promise<void> {
    try {
      this.value = await this.read();
      this.problem = null;
    } catch (error) {
      this.problem = wordsOf(error);
    }
  }
}
