import { quote, wasInterrupted, type Beat, type DoneCall } from './beat.ts';
import type { ConversationView, Entry } from './conversation-view.ts';
import { scriptedNotice, tourBeat, tourWithoutTools } from './tour.ts';

/**
 * `scripted/demo`: the first thing a person says, and whatever asks for the tour or a demo, gets the tour. Where in its
 * script it stands is read off the messages of the request alone, so it survives any restart and any instance may answer.
 */
export function demoBeat(view: ConversationView): Beat {
  const said = view.entries.flatMap((entry, index) => (entry.kind === 'user' ? [index] : []));
  const start = said.findLast((index) => index === said[0] || asksForTour(view.entries[index]));
  const touring = start === undefined ? [] : view.entries.slice(start + 1);
  const over = touring.some((entry) => entry.kind === 'assistant' && entry.calls.length === 0);
  if (!over) {
    if (view.tools.size === 0) return tourWithoutTools;
    const turns = turnsOf(touring);
    const since = touring.slice(touring.findLastIndex((entry) => entry.kind === 'assistant') + 1);
    return tourBeat(turns, view.tools, since.flatMap((entry) => (entry.kind === 'notice' ? [entry.text] : [])));
  }
  const lastSaid = said.at(-1) ?? 0;
  return smallTalk(view.entries[lastSaid], turnsOf(view.entries.slice(lastSaid + 1)), view.tools);
}

function asksForTour(entry: Entry | undefined): boolean {
  return entry?.kind === 'user' && /\b(tour|demo)\b/i.test(entry.text);
}

function smallTalk(said: Entry | undefined, turns: readonly (readonly DoneCall[])[], tools: ReadonlySet<string>): Beat {
  const text = said?.kind === 'user' ? said.text : '';
  const done = turns.at(-1)?.[0];
  if (done) return { text: afterCommand(done) };
  if (/\b(run|execute|date|time)\b/i.test(text) && tools.has('bash')) return { text: 'One command, then:', calls: [{ name: 'bash', arguments: { command: 'date', timeout_seconds: 20 } }] };
  return {
    text: `${scriptedNotice} I cannot answer that, but I can:\n\n1. show the **tour** again (say \`tour\`),\n2. run a command (say \`run date\`).\n\nFor real answers, add a provider key in **Settings → Providers** and choose its model for this conversation.`,
  };
}

function afterCommand(done: DoneCall): string {
  const quoted = quote(done.result?.text ?? 'there is no result');
  if (wasInterrupted(done)) return `The command was interrupted:\n\n${quoted}`;
  return done.result?.isError === false ? `The computer says:\n\n${quoted}\n\nSay \`tour\` to see the tour again.` : `That did not work:\n\n${quoted}`;
}

/** The calls of each answer, with their results. */
function turnsOf(entries: readonly Entry[]): DoneCall[][] {
  const results = new Map(entries.flatMap((entry) => (entry.kind === 'result' ? [[entry.callId, { text: entry.text, isError: entry.isError }] as const] : [])));
  return entries.flatMap((entry) => (entry.kind === 'assistant' ? [entry.calls.map((call) => ({ ...call, result: results.get(call.id) ?? null }))] : []));
}
