import { desktopSize, type DesktopAction, type DesktopView } from '@deskhand/contracts';

type ActionOf<Name extends DesktopAction['action']> = Extract<DesktopAction, { action: Name }>;
type Point = ActionOf<'move'>['at'];

const place = ({ x, y }: Point) => `(${x}, ${y})`;
const at = (point: Point | undefined) => (point === undefined ? ' where the pointer was' : ` at ${place(point)}`);
const times = (count: number) => (count === 1 ? '' : ` ${count} times`);
const seconds = (milliseconds: number) => `${milliseconds / 1_000} s`;
const holding = (modifiers: readonly string[] | undefined) => (modifiers === undefined || modifiers.length === 0 ? '' : ` with ${modifiers.join('+')} held`);

/** What was done, as models and people read it. Never what was typed. */
export function describeAction(action: DesktopAction, view: DesktopView): string {
  switch (action.action) {
    case 'screenshot': return `The screen, ${desktopSize.width}x${desktopSize.height} pixels.`;
    case 'zoom': return `The part [${action.region.join(', ')}] of the screen, enlarged.`;
    case 'cursor_position': return view.cursor === undefined ? 'The pointer is in the picture.' : `The pointer is at ${place(view.cursor)}.`;
    case 'move': return `Moved the pointer to ${place(action.at)}.`;
    case 'click': return `Clicked ${action.button}${times(action.count)}${at(action.at)}${holding(action.modifiers)}.`;
    case 'press': return `Pressed the ${action.button} button${at(action.at)} and hold it.`;
    case 'release': return `Released the ${action.button} button${at(action.at)}.`;
    case 'drag': return `Dragged from ${place(action.path[0] as Point)} to ${place(action.path.at(-1) as Point)}${holding(action.modifiers)}.`;
    case 'scroll': return `Scrolled ${action.direction} by ${action.amount}${at(action.at)}${holding(action.modifiers)}.`;
    case 'type': return `Typed ${[...action.text].length} characters.`;
    case 'key': return `Pressed ${action.keys}${times(action.repeat)}.`;
    case 'hold_key': return `Held ${action.keys} for ${seconds(action.duration_ms)}.`;
    case 'wait': return `Waited ${seconds(action.duration_ms)}.`;
  }
}

/** What the screen did; nothing for actions that only look. */
export function describeSettling({ action }: DesktopAction, { settle }: DesktopView): string {
  if (settle === 'cap') return 'The screen is still changing (cap): it may be loading or playing something.';
  if (settle === undefined || action === 'screenshot' || action === 'zoom' || action === 'cursor_position') return '';
  return settle === 'settled' ? 'The screen changed and came to rest (settled).' : 'Nothing on the screen changed (nochange).';
}
