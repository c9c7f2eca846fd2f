import { Injectable } from '@nestjs/common';
import type { ClaimedRun, ContentBlock, Message, MessageRole, OutputOf, runs as contracts } from '@deskhand/contracts';
import { Database, type EntityManager } from '@deskhand/platform';
import { forWriting } from '../conversations/conversations.service.ts';
import { databaseNow } from '../database/clock.ts';
import { branchEntity, conversationEntity, runEntity, toolCallEntity } from '../database/entities.ts';
import { isDriven } from '../desktop/lease-row.ts';
import { Grants } from '../grants/grants.service.ts';
import { McpServers } from '../mcp/mcp-servers.service.ts';
import { Timeline } from '../timeline/timeline.ts';
import { Abandon } from './abandon.ts';

/** A message's place in the reading order; without `seq` the end of that run. */
interface Place {
  runId: string;
  seq: number | null;
}

function before({ runId, seq }: Place): { condition: string; values: (string | number)[] } {
  return seq === null ? { condition: 'run_id <= ?', values: [runId] } : { condition: '(run_id < ? or (run_id = ? and seq < ?))', values: [runId, runId, seq] };
}

const historyRows = 200;
const selectMessages = 'select id, branch_id, run_id, role, content, blocks, cut, model, created_at from message';

/** A row as the database gives it: SQLite keeps JSON as text and truth as a number. Read past the unit of work, for there may be many. */
interface MessageRecord {
  id: string;
  branch_id: string;
  run_id: string | null;
  role: MessageRole;
  content: string;
  blocks: string | ContentBlock[];
  cut: number | boolean;
  model: string | null;
  created_at: string;
}

function messageOf(row: MessageRecord): Message {
  return { ...row, blocks: typeof row.blocks === 'string' ? (JSON.parse(row.blocks) as ContentBlock[]) : row.blocks, cut: Boolean(row.cut) };
}

/** How long a claim lasts without a heartbeat. */
export const leaseMs = 8_000;
/** A page of history in one answer, in UTF-16 units of its JSON. */
const pageSize = 300_000;

/**
 * Runs that may go on: queued ones whose branch is free and that are the oldest there, and active ones whose lease ran
 * out. A user with fewer runs at work comes first, then the older run.
 */
const claimable = `
  select r.id from run r
  where (r.state = 'queued' or (r.state = 'active' and r.lease_until < ?))
    and not exists (select 1 from run o where o.branch_id = r.branch_id and o.id <> r.id and (o.state in ('active', 'parked') or (o.state = 'queued' and o.id < r.id)))
  order by (select count(*) from run a where a.user_id = r.user_id and a.state = 'active' and a.lease_until >= ?), r.id
  limit ?`;

@Injectable()
export class ClaimService {
  constructor(private readonly database: Database, private readonly timeline: Timeline, private readonly abandon: Abandon, private readonly grants: Grants, private readonly mcp: McpServers) {}

  async claim(workerId: string, slots: number): Promise<OutputOf<typeof contracts.claim>> {
    // Workers ask often and mostly in vain: a look without a write lock is enough for that.
    if ((await this.database.read(async (em) => this.candidates(em, 1))).length === 0) return { runs: [], more: false };
    return this.database.transaction(async (em) => {
      const runs: ClaimedRun[] = [];
      const waiting = await this.candidates(em, slots + 1);
      for (const id of waiting.slice(0, slots)) runs.push(await this.take(em, id, workerId));
      return { runs, more: waiting.length > slots };
    });
  }

  /**
   * Messages up to a run's, in the order in which a model reads them: run by run, within a run as they came. What a
   * person says while a run works belongs to a later run and so stands after it.
   */
  async history(em: EntityManager, branchId: string, upTo: Place): Promise<{ messages: Message[]; complete: boolean }> {
    const { condition, values } = before(upTo);
    const messages: Message[] = [];
    let size = 0;
    for (let offset = 0; ; offset += historyRows) {
      const rows = await em.execute<MessageRecord[]>(`${selectMessages} where branch_id = ? and not steering and ${condition} order by run_id desc, seq desc limit ${historyRows} offset ${offset}`, [branchId, ...values]);
      for (const row of rows) {
        size += row.content.length + (typeof row.blocks === 'string' ? row.blocks.length : JSON.stringify(row.blocks).length);
        if (size > pageSize && messages.length > 0) return { messages: messages.reverse(), complete: false };
        messages.push(messageOf(row));
      }
      if (rows.length < historyRows) return { messages: messages.reverse(), complete: true };
    }
  }

  private async candidates(em: EntityManager, limit: number): Promise<string[]> {
    const now = await databaseNow(this.database, em);
    return (await em.execute<{ id: string }[]>(claimable, [now, now, limit])).map((row) => row.id);
  }

  private async take(em: EntityManager, id: string, workerId: string): Promise<ClaimedRun> {
    const run = await em.findOneOrFail(runEntity, id);
    const conversation = await em.findOneOrFail(conversationEntity, run.conversationId, forWriting);
    const branch = await em.findOneOrFail(branchEntity, run.branchId);
    // Signed beside what follows, on another thread.
    const grant = this.grants.sign(run.userId, conversation.id, branch.computerId, ['computer:run']);
    if (run.state === 'active') await this.abandon.all(em, conversation, run);
    Object.assign(run, { state: 'active', epoch: run.epoch + 1, workerId, leaseUntil: (await databaseNow(this.database, em)) + leaseMs, parkedAt: null });
    this.timeline.append(em, conversation, 'run-started', { run_id: run.id, epoch: run.epoch });
    await em.flush();
    const { messages, complete } = await this.history(em, run.branchId, { runId: run.id, seq: null });
    const calls = run.step === 0 ? [] : await em.find(toolCallEntity, { runId: run.id, step: run.step - 1 }, { orderBy: { position: 'asc' } });
    const driven = calls.some((call) => call.state !== 'ended') && (await isDriven(em, branch.computerId, await databaseNow(this.database, em)));
    const servers = await this.mcp.forRun(em, conversation.id);
    return {
      run_id: run.id, epoch: run.epoch, lease_ms: leaseMs, user_id: run.userId, conversation_id: conversation.id, branch_id: branch.id, computer_id: branch.computerId, provider: conversation.provider ?? null,
      model_name: conversation.modelName ?? null, system_prompt_override: conversation.systemPromptOverride ?? null, approval_mode: conversation.approvalMode, always_allowed: conversation.alwaysAllowed, step: run.step,
      tool_calls: calls.map((call) => ({ tool_call_id: call.id, name: call.name, arguments: call.arguments, ...(call.invalidArguments && { invalid_arguments: call.invalidArguments }), state: call.state })),
      interrupt: run.interrupt, ...(driven && { driven }), ...(servers.length > 0 && { mcp_servers: servers }), history: messages, history_complete: complete, grant: await grant,
    };
  }
}
