import { usage, type OutputOf, type ReceivedOf } from '@deskhand/contracts';
import { Serves } from '@deskhand/platform';
import { Controller, Inject } from '@nestjs/common';
import { hourText, usageRange } from './usage-range.ts';
import { UsageReports } from './usage-reports.ts';

@Controller()
export class UsageController {
  constructor(@Inject(UsageReports) private readonly reports: UsageReports) {}

  @Serves(usage.report)
  async report({ from, to, filter, group_by, limit, offset }: ReceivedOf<typeof usage.report>): Promise<OutputOf<typeof usage.report>> {
    const range = usageRange(from, to);
    const where = { ...range, userId: filter.user_id, conversationId: filter.conversation_id, model: filter.model, agent: filter.agent, keyHash: filter.key };
    const { rows, hasMore } = await this.reports.rows(where, [...new Set(group_by)], limit, offset);
    return { from: hourText(range.from), to: hourText(range.to), rows, total: await this.reports.total(where), has_more: hasMore };
  }
}
