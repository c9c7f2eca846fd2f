import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { builtInHeading, builtInTurn } from '../scripted/built-in-turn.ts';
import type { BuiltInModel } from '../scripted/built-in-models.ts';
import type { CallOutcome, ModelCall } from '../usage/model-call.ts';
import { anthropicMessagesAnswer, anthropicMessagesEvents } from '../wire/anthropic-messages-writer.ts';
import { openaiChatAnswer, openaiChatEvents } from '../wire/openai-chat-writer.ts';
import { translationBetween, type TranslatedCall } from '../wire/translation.ts';
import type { RequestFacts } from '../wire/wire-format.ts';
import { answerJson } from './answers.ts';
import type { CallResponse } from './call-exchange.ts';

/** Events written together where a model has no pace. */
const batch = 16;

/** Answers a call from inside this program, as a provider would; `said` is told what a response said. Resolves when the answer is written or the client left. */
export async function answerBuiltIn(model: BuiltInModel, call: ModelCall, facts: RequestFacts, body: Record<string, unknown>, response: CallResponse, headers: Readonly<Record<string, string>>, said: (items: TranslatedCall['items']) => void): Promise<CallOutcome> {
  // Scripts speak two formats; the others are translated.
  const format = call.wire === 'anthropic-messages' ? call.wire : 'openai-chat';
  const translated = call.wire === 'openai-responses' || call.wire === 'openai-completions' ? translationBetween(call.wire, format)!.request(body) : null;
  const turn = builtInTurn(model, format, translated?.body ?? body, call.requestBytes);
  const heading = builtInHeading(model, format);
  const openai = format === 'openai-chat';
  const outcome: CallOutcome = { status: 'completed', httpStatus: 200, usage: turn.usage, estimated: true, firstByteMs: performance.now() - call.startedMark };
  if (!facts.stream) {
    const answer = openai ? openaiChatAnswer(turn, heading) : anthropicMessagesAnswer(turn, heading);
    const given = translated?.answer(answer) ?? answer;
    if (translated !== null) said(translated.items);
    answerJson(response, 200, given, headers);
    return outcome;
  }
  response.writeHead(200, { ...headers, 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store' });
  const own = openai ? openaiChatEvents(turn, heading, facts.wantsUsage || translated !== null) : anthropicMessagesEvents(turn, heading);
  const events = translated ? translatedEvents(own, translated) : own;
  const whole = await writeEvents(events, model.paceMs, response);
  if (whole && translated !== null) said(translated.items);
  return whole ? outcome : { ...outcome, status: 'cancelled' };
}

function* translatedEvents(events: Iterable<string>, call: TranslatedCall): Generator<string> {
  const stream = call.stream();
  for (const event of events) yield Buffer.from(stream.push(Buffer.from(event))).toString('utf8');
  yield Buffer.from(stream.end()).toString('utf8');
}

async function writeEvents(events: Iterable<string>, paceMs: number, response: CallResponse): Promise<boolean> {
  const size = paceMs > 0 ? 1 : batch;
  let waiting: string[] = [];
  for (const event of events) {
    if (waiting.length === size) {
      if (!(await write(response, waiting.join('')))) return false;
      waiting = [];
      await (paceMs > 0 ? sleep(paceMs) : nextTurn());
    }
    waiting.push(event);
  }
  // Clients leave at the last event without waiting for the end, so both go together.
  if (response.destroyed) return false;
  response.end(waiting.join(''));
  return true;
}

/** Resolves when there is room for more; false when the client left. */
async function write(response: CallResponse, text: string): Promise<boolean> {
  if (response.destroyed) return false;
  if (response.write(text)) return true;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
  return !response.destroyed;
}
