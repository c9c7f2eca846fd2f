import type { ContentBlock, RunEntry } from '@deskhand/contracts';
import { fitToWindow } from './context-window.ts';
import { messagesForModel } from './history.ts';
import { ModelError, type Model, type ModelEvent, type ModelRequest } from './model.ts';
import { hasPictures, withoutPictures, withPictureData } from './pictures.ts';
import { StepBlocks } from './step-blocks.ts';
import { RunInterrupted, throwIfAbandoned, unlessAbandoned, unlessStopped, type RunStop } from './stop.ts';
import { systemPrompt } from './system-prompt.ts';
import type { Turn } from './turn.ts';
import { words } from './words.ts';

export type ModelStep =
  | { type: 'answered'; blocks: ContentBlock[]; model: string; close(): void }
  /** What there was when the person stopped it. */
  | { type: 'interrupted'; blocks: ContentBlock[]; model: string; close(): void }
  /** `entries` give up what was shown; they belong before the run's end. */
  | { type: 'failed'; why: 'failed' | 'budget'; words: string; entries: RunEntry[] };

/** Answers that broke off after something of them was shown. */
const maximumCuts = 3;
/** Tries of a call that nothing came of: a model that is busy, and a gateway that restarts. */
const maximumTries = { busy: 4, unreachable: 7 };
/** Without a sign of the model for so long its answer counts as broken off. */
const silenceMs = 300_000;

/** One model call, made again where that cannot be seen twice: what was shown of a broken answer is given up by record. */
export async function modelStep(turn: Turn): Promise<ModelStep> {
  const { run, ports } = turn;
  let tries = 0;
  let again = false;
  let wait = 0;
  for (let cuts = 0; ; ) {
    const step = new StepBlocks(ports.blocks, run.run_id, turn.step, turn.attempt(cuts));
    let model: Model | null = null;
    let request: ModelRequest | null = null;
    try {
      if (wait > 0) await unlessStopped(ports.clock.sleep(wait), ports.stop);
      model = await unlessStopped(ports.models.resolve(again), ports.stop);
      request = await unlessStopped(requestFor(turn, model), ports.stop);
      await stream(model, request, step, ports.stop);
      // After tool calls a model may well have nothing to add; before them it left the person without an answer.
      if (turn.step === 0 && step.nothing) throw new ModelError('cut', words.nothing);
      return { type: 'answered', blocks: step.finish(() => ports.newId()), model: model.label, close: () => step.close() };
    } catch (error) {
      if (error instanceof RunInterrupted) return { type: 'interrupted', blocks: step.partial(), model: model?.label ?? '', close: () => step.close() };
      if (!(error instanceof ModelError)) throw error;
      again = true;
      const abandoned = await giveUp(step, turn);
      const shown = abandoned.length > 0;
      if (!shown && request !== null && refusesPictures(error, request)) {
        turn.blind = true;
        step.close();
        wait = 0;
        continue;
      }
      if (shown || error.kind === 'cut') cuts += 1;
      else tries += 1;
      if (error.kind === 'budget') return { type: 'failed', why: 'budget', words: words.overBudget(error.message), entries: abandoned };
      const final = error.kind === 'refused' || cuts >= maximumCuts || (error.kind !== 'cut' && tries >= maximumTries[error.kind]);
      if (final) return { type: 'failed', why: 'failed', words: words.modelFailed(error.message), entries: abandoned };
      if (shown) await turn.write(`${turn.step}-abandoned-${step.attempt}`, abandoned);
      step.close();
      wait = waitBefore(error, tries + cuts);
    }
  }
}

async function requestFor(turn: Turn, model: Model): Promise<ModelRequest> {
  const tools = await toolsFor(turn);
  const { run, history, ports, blind } = turn;
  const messages = messagesForModel(history, run.run_id);
  const request = { system: systemPrompt(run.system_prompt_override), messages: model.sees && !blind ? messages : withoutPictures(messages), tools };
  return withPictureData(fitToWindow(request, model.contextWindow), ports.pictures);
}

/** What the model may call. A server that cannot be used is named to the person and to the model. */
async function toolsFor(turn: Turn): Promise<ModelRequest['tools']> {
  const { descriptions, unavailable } = await turn.toolbox.ask();
  for (const { server, words: reason } of unavailable) await turn.notice('mcp-unavailable', words.serverUnavailable(server.name, reason));
  return descriptions;
}

/** Nothing tells beforehand whether a model sees; one that does not says so when it is shown something. */
function refusesPictures(error: ModelError, request: ModelRequest): boolean {
  return error.kind === 'refused' && hasPictures(request) && /image|vision|multi-?modal|picture|content part|must be a string/i.test(error.message);
}

async function stream(model: Model, request: ModelRequest, step: StepBlocks, stop: RunStop): Promise<void> {
  const controller = new AbortController();
  const events = model.stream(request, controller.signal)[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await unlessStopped(unlessSilent(events.next()), stop);
      if (next.done === true) break;
      step.take(next.value);
    }
    if (step.ended === null) throw new ModelError('cut', words.cutOff);
    if (step.ended === 'refused' && step.empty) throw new ModelError('refused', words.refused);
  } finally {
    controller.abort();
    // Lets the connection go; nobody waits for a stream that does not come to an end.
    events.return?.(undefined).catch(() => {});
  }
}

async function unlessSilent(next: Promise<IteratorResult<ModelEvent>>): Promise<IteratorResult<ModelEvent>> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new ModelError('cut', words.silent(silenceMs / 1_000))), silenceMs);
  });
  try {
    return await Promise.race([next, silence]);
  } finally {
    clearTimeout(timer);
  }
}

/** Saves what was shown, so that it stays readable, and answers the records that end it. */
async function giveUp(step: StepBlocks, turn: Turn): Promise<RunEntry[]> {
  throwIfAbandoned(turn.ports.stop);
  if (step.empty) {
    step.close();
    return [];
  }
  step.partial();
  await unlessAbandoned(turn.ports.blocks.save(), turn.ports.stop);
  return step.names.map((block) => ({ type: 'block-abandoned', block, attempt: step.attempt }));
}

/** Milliseconds until the next try. */
function waitBefore(error: ModelError, failures: number): number {
  return Math.min(error.retryAfterMs ?? Math.min(300 * 2 ** (failures - 1), 5_000), 30_000);
}
