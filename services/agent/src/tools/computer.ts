import { desktopAction, desktopSize, mouseButton, type DesktopAction } from '@deskhand/contracts';
import { z } from 'zod';
import { describeAction, describeSettling } from './desktop-words.ts';
import { askingFirst, defineDesktopTool } from './tool.ts';

const { width, height } = desktopSize;

type ActionName = DesktopAction['action'];
const actionNames = desktopAction.options.map((option) => option.shape.action.value) as [ActionName, ...ActionName[]];
/** Parameters without which an action means nothing; the others have defaults. */
const needed: Partial<Record<ActionName, readonly (keyof Input)[]>> = {
  zoom: ['region'], move: ['coordinate'], drag: ['coordinate', 'end_coordinate'], scroll: ['direction'], type: ['text'], key: ['keys'], hold_key: ['keys'],
};

const place = z.array(z.number()).length(2);

/** One flat object for all actions: models fill it in more reliably than a choice of objects. */
const input = z.object({
  action: z.enum(actionNames).describe('What to do. click: count 2 for a double click, 3 for a triple click. press and release: hold a mouse button down and let it go. key: press a key or a combination. wait: let time pass.'),
  coordinate: place.optional().describe('[x, y] in pixels of the screenshot: where to click, move, press, release or scroll, or where a drag begins. Where the pointer is when absent.'),
  end_coordinate: place.optional().describe('[x, y] where a drag ends.'),
  region: z.array(z.number()).length(4).optional().describe('For zoom: [left, top, right, bottom] of the part to enlarge.'),
  button: mouseButton.optional().describe('left when absent.'),
  count: z.number().int().min(1).max(3).optional().describe('For click: 1 when absent.'),
  modifiers: z.array(z.enum(['ctrl', 'shift', 'alt', 'super'])).max(4).optional().describe('Keys held down during a click, drag or scroll.'),
  direction: z.enum(['up', 'down', 'left', 'right']).optional().describe('For scroll.'),
  amount: z.number().int().min(1).max(50).optional().describe('For scroll: notches of the wheel, 3 when absent.'),
  text: z.string().max(20_000).optional().describe('For type: any text, typed where the keyboard focus is. A line break presses Return.'),
  keys: z.string().max(100).optional().describe('For key and hold_key: key names joined by +, such as Return, ctrl+l, alt+Tab, Page_Down.'),
  repeat: z.number().int().min(1).max(100).optional().describe('For key: how often, 1 when absent.'),
  seconds: z.number().min(0.001).max(30).optional().describe('For wait and hold_key: 1 when absent.'),
  ...askingFirst,
});
type Input = z.infer<typeof input>;

export const computer = defineDesktopTool({
  name: 'computer',
  description:
    `Uses the desktop of the computer, a screen of ${width}x${height} pixels with a web browser and a terminal, by mouse and keyboard, and looks at it. ` +
    'Every action answers with a picture of the screen after it, so a screenshot is needed only to look without doing anything. Coordinates are pixels from the top left corner of that picture. ' +
    'The result says whether the screen changed: settled (it changed and came to rest), nochange (nothing changed), cap (still changing after two seconds: look again or wait). ' +
    'To open a page or a file on the desktop, run `open ADDRESS` with bash, which is quicker than clicking. For everything that a command can do, use bash. ' +
    'Zoom to read small text. Click a field before typing into it. Several calls in one step are carried out in order, and none after one that failed. ' +
    'A person may watch, and may take mouse and keyboard for a while; calls wait until they give them back.',
  staysInside: true,
  input,
  plan(given) {
    const missing = (needed[given.action] ?? []).filter((name) => (name === 'keys' ? keysOf(given) : given[name]) === undefined);
    if (missing.length > 0) return { problem: `The action ${given.action} needs ${missing.join(' and ')}.` };
    for (const name of ['coordinate', 'end_coordinate'] as const) if (given[name] !== undefined && outside(given[name])) return { problem: outsideWords(name, given[name]) };
    const parsed = desktopAction.safeParse(actionOf(given));
    if (parsed.success) return parsed.data;
    return { problem: `The action ${given.action} cannot be done like this: ${parsed.error.issues.slice(0, 3).map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ')}` };
  },
  conclude: (action, view) => ({
    text: [[describeAction(action, view), describeSettling(action, view)].filter((words) => words !== '').join(' '), ...(view.notices ?? []).map((notice) => `[${notice}]`)].join('\n'),
    display: { action: action.action, ...(view.settle !== undefined && { settle: view.settle }), ...(view.cursor !== undefined && { cursor: view.cursor }) },
  }),
});

function actionOf(given: Input): unknown {
  const { action, button, count, modifiers, direction, amount, text, repeat } = given;
  const at = pointOf(given.coordinate);
  const milliseconds = Math.round((given.seconds ?? 1) * 1_000);
  switch (action) {
    case 'screenshot': case 'cursor_position': return { action };
    case 'zoom': return { action, region: given.region?.map(Math.round) };
    case 'move': return { action, at };
    case 'click': return { action, at, button, count, modifiers };
    case 'press': case 'release': return { action, at, button };
    case 'drag': return { action, path: [at, pointOf(given.end_coordinate)], button, modifiers };
    case 'scroll': return { action, at, direction, amount, modifiers };
    case 'type': return { action, text };
    case 'key': return { action, keys: keysOf(given), repeat };
    case 'hold_key': return { action, keys: keysOf(given), duration_ms: milliseconds };
    case 'wait': return { action, duration_ms: milliseconds };
  }
}

/** Some models put keys where text goes. */
function keysOf({ keys, text }: Input): string | undefined {
  return keys ?? text;
}

function pointOf(pair: readonly number[] | undefined): { x: number; y: number } | undefined {
  return pair === undefined ? undefined : { x: Math.round(pair[0] as number), y: Math.round(pair[1] as number) };
}

function outside(pair: readonly number[]): boolean {
  const { x, y } = pointOf(pair)!;
  return x < 0 || x >= width || y < 0 || y >= height;
}

function outsideWords(name: string, pair: readonly number[]): string {
  return `${name} [${pair.join(', ')}] is outside the screen: x goes from 0 to ${width - 1}, y from 0 to ${height - 1}.`;
}
