import type { CallOutcome, EndedCall, ModelCall } from './model-call.ts';
import { inThousandths } from './thousandths.ts';

export type AnyOutcome = Omit<CallOutcome, 'status'> & { status: CallOutcome['status'] | 'lost' };

/** A call that is over, as it is kept; what it cost is still to be found. */
export function endedCall(call: ModelCall, outcome: AnyOutcome, durationMs: number): EndedCall {
  const row = {
    id: call.id, startedAt: call.startedAt, userId: call.run?.userId ?? null, conversationId: call.run?.conversationId ?? null, runId: call.run?.runId ?? null,
    keyHash: call.key?.hash ?? null, keyUser: call.key?.userId ?? null, keyTeam: call.key?.teamId ?? null, keyJob: call.key?.jobId ?? null,
    agent: call.agent ?? null, modelGroup: call.group ?? null,
    source: call.route.source, provider: call.route.provider, model: kept(call.route.model), wire: call.wire, stream: call.stream, status: outcome.status, httpStatus: outcome.httpStatus,
    ...outcome.usage, estimated: outcome.estimated, cost: null, firstByteMs: outcome.firstByteMs === null ? null : inThousandths(outcome.firstByteMs), durationMs: inThousandths(durationMs),
  };
  const ended: EndedCall = { row, baseUrl: call.baseUrl, officialPrices: call.officialPrices, prices: call.prices ?? null, baseModel: call.baseModel ?? null };
  if (call.journaled) ended.journaled = call.journaled;
  if (outcome.status === 'lost' && call.reserved !== undefined) ended.least = call.reserved;
  return ended;
}

/** A name that a provider stated, as every database keeps it: one that it refuses would hold up all rows after it. */
const kept = (name: string): string => (name.length > 400 || name.includes('\0') ? name.replaceAll('\0', '').slice(0, 400) : name);
