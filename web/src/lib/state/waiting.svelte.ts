import type { ApprovalView } from '@deskhand/contracts';
import { ApiError, wordsOf } from '../api/client.ts';
import type { Endpoints } from '../api/endpoints.ts';
import { soon } from './soon.ts';

export type Decision = Parameters<Endpoints['decide']>[1];

/** Everything in all conversations that waits for the person. */
export class Waiting {
  approvals = $state.raw<readonly ApprovalView[]>([]);
  loaded = $state(false);
  problem = $state<string | null>(null);
  readonly refreshSoon = soon(() => this.load());
  /** Told of what begins to wait while the page is open. */
  onNew: (approval: ApprovalView) => void = () => {};

  constructor(private readonly endpoints: Endpoints) {}

  async load(): Promise<void> {
    try {
      const known = new Set(this.approvals.map(({ approval_id }) => approval_id));
      const first = !this.loaded;
      this.approvals = await this.endpoints.approvals();
      this.problem = null;
      if (!first) for (const approval of this.approvals) if (!known.has(approval.approval_id)) this.onNew(approval);
    } catch (error) {
      this.problem = wordsOf(error);
    } finally {
      this.loaded = true;
    }
  }

  /** Decides once. Where somebody was faster, that is no error: the approval is gone either way. */
  async decide(id: string, decision: Decision): Promise<void> {
    try {
      await this.endpoints.decide(id, decision);
    } catch (error) {
      if (!(error instanceof ApiError && (error.code === 'CONFLICT' || error.code === 'NOT_FOUND'))) throw error;
    }
    this.approvals = this.approvals.filter((approval) => approval.approval_id !== id);
  }
}
