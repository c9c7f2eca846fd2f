import { Readable } from 'node:stream';
import { Controller } from '@nestjs/common';
import { api, auth, DeclaredError, mostUsageRows, usage, type AnswerOf, type InputOf, type QueryOf, type UsageGroup } from '@deskhand/contracts';
import { Bus } from '@deskhand/platform';
import type { FastifyReply } from 'fastify';
import { Ask, Handles, type Asked } from '../http/handles.ts';
import { csvOf, type NamedSum } from './usage-csv.ts';

type Query = QueryOf<typeof api.everyonesUsageCsv> & { limit?: number | undefined; offset?: number | undefined };
type Page = Omit<AnswerOf<typeof api.usage>, 'rows'> & { rows: NamedSum[] };

const mostCsvRows = 100_000;

/** What models cost: one's own, and for administrators everyone's. */
@Controller()
export class UsageController {
  constructor(private readonly bus: Bus) {}

  @Handles(api.usage)
  async own(@Ask() { caller, query }: Asked<typeof api.usage>): Promise<AnswerOf<typeof api.usage>> {
    return this.page({ ...query, user_id: caller.userId });
  }

  @Handles(api.usageCsv)
  async ownCsv(@Ask() { caller, query, reply }: Asked<typeof api.usageCsv>): Promise<Readable> {
    return this.csv({ ...query, user_id: caller.userId }, reply);
  }

  @Handles(api.everyonesUsage)
  async everyones(@Ask() { query }: Asked<typeof api.everyonesUsage>): Promise<AnswerOf<typeof api.everyonesUsage>> {
    return this.page(query);
  }

  @Handles(api.everyonesUsageCsv)
  async everyonesCsv(@Ask() { query, reply }: Asked<typeof api.everyonesUsageCsv>): Promise<Readable> {
    return this.csv(query, reply);
  }

  private async page({ from, to, group_by, limit, offset, ...filter }: Query, names?: ReadonlyMap<string, string>): Promise<Page> {
    const input: InputOf<typeof usage.report> = { from, to, filter, group_by: groupsOf(group_by), limit, offset };
    const report = await this.bus.request(usage.report, input);
    if (!report.rows.some((row) => row.user_id !== undefined)) return report;
    const usernames = names ?? (await this.usernames());
    return { ...report, rows: report.rows.map((row) => ({ ...row, username: usernames.get(row.user_id ?? '') ?? null })) };
  }

  /** Page after page, as fast as the client takes them. The first one is there before the answer begins, so what is wrong with the question is still an error. */
  private async csv(query: Query, reply: FastifyReply): Promise<Readable> {
    const groups = groupsOf(query.group_by ?? 'day,model');
    if (groups.length === 0) throw new DeclaredError('BAD_INPUT', 'group_by says what the lines are.');
    const names = groups.includes('user') ? await this.usernames() : new Map<string, string>();
    const ask = async (range: Pick<Query, 'from' | 'to'>, offset: number): Promise<Page> => this.page({ ...query, ...range, group_by: groups.join(','), limit: mostUsageRows, offset }, names);
    const first = await ask(query, 0);
    const { heading, lines } = csvOf(groups);
    const write = async function* (): AsyncGenerator<string> {
      yield heading + lines(first.rows);
      for (let offset = mostUsageRows, more = first.has_more; more && offset < mostCsvRows; offset += mostUsageRows) {
        const page = await ask(first, offset);
        yield lines(page.rows);
        more = page.has_more;
      }
    };
    reply.type('text/csv; charset=utf-8').header('content-disposition', `attachment; filename="deskhand-usage-${first.from.slice(0, 10)}.csv"`).header('cache-control', 'no-store');
    return Readable.from(write());
  }

  private async usernames(): Promise<Map<string, string>> {
    return new Map((await this.bus.request(auth.listUsers, {})).map(({ id, username }) => [id, username]));
  }
}

function groupsOf(text: string | undefined): UsageGroup[] {
  return text === undefined ? [] : [...new Set(text.split(',') as UsageGroup[])];
}
