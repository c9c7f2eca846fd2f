import { type DesktopAction, DeclaredError } from '@deskhand/contracts';
import { setTimeout as sleep } from 'node:timers/promises';
import { keysyms, parseKeys } from './keys.ts';
import { enlarge, photograph, type Picture } from './pictures.ts';
import type { Point, Screen } from './screen.ts';
import type { SettleOutcome } from './settle.ts';
import { planTyping, untypable } from './typing.ts';

export interface Done {
  settle?: SettleOutcome;
  picture?: Picture;
  cursor: Point;
  /** What of it was not done, in words. */
  problem?: string;
}

/** As bits of the pointer's buttons. */
const buttons = { left: 1, middle: 2, right: 4 } as const;
const wheel = { up: 8, down: 16, left: 32, right: 64 } as const;
/** Programs take clicks of the same millisecond for one. */
const betweenClicksMs = 40;
const dragSteps = 16;
const dragStepMs = 12;
/** Longer than programs take from one look at the pointer to the next. */
const atPointMs = 25;
/** How long a program may take to show what was pasted, and may still be at it then, before the next keys come. */
const pasteSeenMs = 800;
const afterPasteMs = 40;

type Action<Kind extends DesktopAction['action']> = Extract<DesktopAction, { action: Kind }>;

/** What looks and touches nothing: may be done again at any time. */
export function onlyLooks({ action }: DesktopAction): boolean {
  return action === 'screenshot' || action === 'zoom' || action === 'cursor_position' || action === 'wait';
}

/** Throws `BAD_INPUT` for what cannot be done, before anything is. */
export function checkAction(action: DesktopAction): void {
  if (action.action === 'zoom' && (action.region[2] <= action.region[0] || action.region[3] <= action.region[1])) {
    throw new DeclaredError('BAD_INPUT', 'The region is empty: it is [left, top, right, bottom], with right beyond left and bottom beyond top');
  }
  if ((action.action === 'key' || action.action === 'hold_key') && parseKeys(action.keys) === null) {
    throw new DeclaredError('BAD_INPUT', `There is no key ${JSON.stringify(action.keys)}. Keys are named like Return, ctrl+shift+t, F5, Page_Down or ü.`);
  }
  const bad = action.action === 'type' ? untypable(action.text) : null;
  if (bad !== null) throw new DeclaredError('BAD_INPUT', `The character U+${bad.codePointAt(0)!.toString(16).padStart(4, '0')} cannot be typed; press keys for it`);
}

/**
 * Does one checked action to a screen and looks at what came of it. `signal` breaks it off between two inputs: from then on
 * nothing more is done, and what is held stays held for the caller to release.
 */
export async function perform(screen: Screen, action: DesktopAction, signal: AbortSignal): Promise<Done> {
  const look = async (settle?: SettleOutcome): Promise<Done> => ({ ...(settle && { settle }), picture: await photograph(settle ? screen.shown() : await screen.capture()), cursor: { ...screen.pointer } });
  if (action.action === 'cursor_position') return { cursor: { ...screen.pointer } };
  if (action.action === 'zoom') return { picture: await enlarge(await screen.capture(), action.region), cursor: { ...screen.pointer } };
  if (action.action === 'wait') await sleep(action.duration_ms, undefined, { signal });
  if (action.action === 'screenshot' || action.action === 'wait') return look();
  const tinyCounts = action.action === 'type' || action.action === 'key' || action.action === 'hold_key';
  await screen.givenBack();
  await screen.refresh();
  signal.throwIfAborted();
  if (action.action === 'type') {
    const { settle, problem } = await type(screen, action.text, signal);
    return { ...(await look(settle)), ...(problem !== undefined && { problem }) };
  }
  return look(await screen.settle({ tinyCounts }, () => touch(screen, action, signal), signal));
}

type Touch = Exclude<DesktopAction, { action: 'screenshot' | 'zoom' | 'cursor_position' | 'wait' | 'type' }>;

async function touch(screen: Screen, action: Touch, signal: AbortSignal): Promise<void> {
  if ('at' in action && action.at) screen.move(action.at);
  switch (action.action) {
    case 'move':
      return;
    case 'click':
      return holding(screen, action.modifiers, () => click(screen, action, signal));
    case 'press':
      return screen.press(buttons[action.button]);
    case 'release':
      return screen.release(buttons[action.button]);
    case 'drag':
      return holding(screen, action.modifiers, () => drag(screen, action, signal));
    case 'scroll':
      return holding(screen, action.modifiers, () => scroll(screen, action));
    case 'key':
      return press(screen, action);
    case 'hold_key':
      return hold(screen, action, signal);
  }
}

async function click(screen: Screen, { button, count }: Action<'click'>, signal: AbortSignal): Promise<void> {
  for (let time = 0; time < count; time++) {
    if (time > 0) await sleep(betweenClicksMs, undefined, { signal });
    screen.press(buttons[button]);
    screen.release(buttons[button]);
  }
}

function scroll(screen: Screen, { direction, amount }: Action<'scroll'>): void {
  for (let notch = 0; notch < amount; notch++) {
    screen.press(wheel[direction]);
    screen.release(wheel[direction]);
  }
}

/** Moves in small steps: programs begin a drag only when the pointer has left, and drop only where it has come by. */
async function drag(screen: Screen, { path, button }: Action<'drag'>, signal: AbortSignal): Promise<void> {
  const [first, ...rest] = path as [Point, ...Point[]];
  const steps = Math.max(1, Math.round(dragSteps / rest.length));
  screen.move(first);
  screen.press(buttons[button]);
  let from = first;
  for (const to of rest) {
    for (let step = 1; step <= steps; step++) {
      await sleep(dragStepMs, undefined, { signal });
      screen.move({ x: Math.round(from.x + ((to.x - from.x) * step) / steps), y: Math.round(from.y + ((to.y - from.y) * step) / steps) });
    }
    from = to;
    await sleep(atPointMs, undefined, { signal });
  }
  screen.release(buttons[button]);
}

function press(screen: Screen, { keys, repeat }: Action<'key'>): void {
  const chords = parseKeys(keys) ?? [];
  for (let time = 0; time < repeat; time++) {
    for (const chord of chords) {
      for (const keysym of chord) screen.keyDown(keysym);
      for (const keysym of [...chord].reverse()) screen.keyUp(keysym);
    }
  }
}

async function hold(screen: Screen, { keys, duration_ms }: Action<'hold_key'>, signal: AbortSignal): Promise<void> {
  const chord = (parseKeys(keys) ?? []).flat();
  for (const keysym of chord) screen.keyDown(keysym);
  await sleep(duration_ms, undefined, { signal });
  for (const keysym of [...chord].reverse()) screen.keyUp(keysym);
}

async function holding(screen: Screen, modifiers: readonly (keyof typeof keysyms)[] | undefined, work: () => void | Promise<void>): Promise<void> {
  for (const name of modifiers ?? []) screen.keyDown(keysyms[name]);
  await work();
  for (const name of [...(modifiers ?? [])].reverse()) screen.keyUp(keysyms[name]);
}

/** Pastes where keys would not do, and gives back what was copied before. */
async function type(screen: Screen, text: string, signal: AbortSignal): Promise<Pick<Done, 'problem'> & { settle: SettleOutcome }> {
  const steps = planTyping(text);
  const pastes = steps.some(({ kind }) => kind === 'paste');
  const before = pastes ? await screen.clipboard() : null;
  signal.throwIfAborted();
  let problem: string | undefined;
  const settle = await screen.settle({ tinyCounts: true }, async () => {
    for (const [index, step] of steps.entries()) {
      if (step.kind === 'keys') for (const keysym of step.keysyms) screen.tap(keysym);
      else if (!(await paste(screen, step.text, signal))) {
        screen.offer(before);
        if (index === 0) throw new DeclaredError('BAD_INPUT', 'Nothing on the screen takes this text. Click into a text field first, then type again.');
        problem = 'Only the first part of the text was typed: then nothing on the screen took the rest.';
        return;
      }
    }
  }, signal);
  if (pastes) screen.giveBack(before);
  return { settle, ...(problem !== undefined && { problem }) };
}

/**
 * By the one chord that editors, browsers and terminals all take. False when nothing asked for the text. No other chord is
 * tried then: a program that is only slow would paste twice.
 */
async function paste(screen: Screen, text: string, signal: AbortSignal): Promise<boolean> {
  screen.offer(text);
  const taken = screen.taken();
  const seen = screen.changed(pasteSeenMs);
  screen.keyDown(keysyms.shift);
  screen.tap(keysyms.insert);
  screen.keyUp(keysyms.shift);
  const pasted = await taken;
  signal.throwIfAborted();
  if (!pasted) return false;
  await seen;
  await sleep(afterPasteMs, undefined, { signal });
  return true;
}
