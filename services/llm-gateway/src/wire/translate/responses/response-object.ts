import type { TokenUsage } from '../../token-usage.ts';
import { noUsage } from '../../token-usage.ts';
import type { Fields } from '../fields.ts';
import type { Stop } from '../turn-sink.ts';
import { writeResponsesUsage } from './usage.ts';

/** What a response repeats of its request. */
export function repeated(body: Fields): Fields {
  return {
    instructions: body.instructions ?? null, max_output_tokens: body.max_output_tokens ?? null, parallel_tool_calls: body.parallel_tool_calls ?? true, previous_response_id: null,
    reasoning: body.reasoning ?? { effort: null, summary: null }, store: false, temperature: body.temperature ?? null, text: body.text ?? { format: { type: 'text' } },
    tool_choice: body.tool_choice ?? 'auto', tools: body.tools ?? [], top_p: body.top_p ?? null, truncation: 'disabled', user: body.user ?? null, metadata: body.metadata ?? {},
  };
}

export interface ResponseState {
  id: string;
  model: string;
  created: number;
}

/** Why a response is not whole; null when it is. */
export function incompleteReason(stop: Stop): string | null {
  if (stop === 'length' || stop === 'context-full') return 'max_output_tokens';
  return stop === 'refusal' ? 'content_filter' : null;
}

/** The fields of a response that has ended. */
export function endedFields(state: ResponseState, output: readonly Fields[], stop: Stop, usage: TokenUsage | null): Fields {
  const reason = incompleteReason(stop);
  return {
    id: state.id, object: 'response', created_at: state.created, completed_at: reason === null ? Math.floor(Date.now() / 1_000) : null, status: reason === null ? 'completed' : 'incomplete', error: null,
    incomplete_details: reason === null ? null : { reason }, model: state.model, output, usage: writeResponsesUsage(usage ?? noUsage),
  };
}
