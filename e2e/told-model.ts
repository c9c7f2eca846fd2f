import type { EndReason, TimelineEvent } from '@deskhand/contracts';
import type { UpstreamAnswer, UpstreamScript } from '../services/llm-gateway/test/upstream.ts';
import type { Client } from './client/client.ts';
import { followThroughCuts } from './client/resuming.ts';

/** What the model answers, call by call; after the last it says that it is done. */
export type Steps = readonly UpstreamAnswer[];

/** A model that does what the person's message spells out, so that each test decides what its run does. */
export const toldModel: UpstreamScript = ({ step, userText }) => (JSON.parse(userText) as Steps)[step] ?? { text: 'Done.' };

export const shell = (command: string, more: object = {}): UpstreamAnswer => ({ toolCalls: [{ name: 'bash', arguments: { command, ...more } }] });

export interface Turn {
  readonly run: string;
  readonly reason: EndReason;
  readonly error: string | undefined;
  /** Output of the tool calls, in the order in which they ended. */
  readonly outputs: readonly string[];
  readonly calls: readonly Extract<TimelineEvent, { type: 'tool-call-ended' }>[];
}

/** Says it and follows the run to its end, coming back as often as the connection is lost. */
export async function tell(client: Client, conversation: string, steps: Steps, options: { withinMs?: number; onEvent?: (event: TimelineEvent) => void } = {}): Promise<Turn> {
  const { run_id: run } = await client.say(conversation, JSON.stringify(steps));
  const calls = new Map<string, Extract<TimelineEvent, { type: 'tool-call-ended' }>>();
  let end: Extract<TimelineEvent, { type: 'run-ended' }> | undefined;
  const joiner = await followThroughCuts(client, conversation, run, {
    way: 'sse', cuts: [],
    onFrame: ({ frame }) => {
      if (frame.type === 'snapshot') return;
      if (frame.type === 'tool-call-ended' && frame.run_id === run) calls.set(frame.tool_call_id, frame);
      if (frame.type === 'run-ended' && frame.run_id === run) end = frame;
      options.onEvent?.(frame);
    },
  }, options.withinMs ?? 90_000);
  if (joiner.gaps + joiner.repeats + joiner.mismatches > 0) throw new Error(`A stream with ${joiner.gaps} gaps, ${joiner.repeats} repeats, ${joiner.mismatches} blocks that differ from what was streamed`);
  if (end === undefined) throw new Error('The run had ended before anybody followed it');
  const results = [...calls.values()];
  return { run, reason: end.reason, error: end.error, outputs: results.map(({ result }) => result.output), calls: results };
}

export async function computerOf(client: Client, conversation: string): Promise<string> {
  return (await client.request<{ computer_id: string }>('GET', `/api/conversations/${conversation}/sandbox`)).computer_id;
}
