import type { Call } from '../timeline/state.ts';
import type { StepState } from '../timeline/view.ts';

type Arguments = Call['arguments'];

interface Words {
  doing: string;
  done: string;
  plain: string;
  /** What follows the verb. */
  rest: (given: Arguments) => string;
}

const place = (value: unknown): string | null => (Array.isArray(value) && value.length >= 2 && value.every((one) => typeof one === 'number') ? value.slice(0, 2).map(Math.round).join(', ') : null);
const at = (value: unknown): string => (place(value) === null ? '' : `at ${place(value)}`);
const number = (value: unknown, otherwise: number): number => (typeof value === 'number' ? value : otherwise);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const joined = (...parts: string[]): string => parts.filter((part) => part !== '').join(' ');
const seconds = (given: Arguments): string => `for ${number(given['seconds'], 1)} s`;
const times = (count: number): string => (count === 1 ? '' : `${count} times`);
const modifiers = (given: Arguments): string => (Array.isArray(given['modifiers']) && given['modifiers'].length > 0 ? `with ${given['modifiers'].join('+')} held` : '');
const keys = (given: Arguments): string => text(given['keys']) || text(given['text']);

function clicking(given: Arguments): string {
  const button = given['button'] === 'right' || given['button'] === 'middle' ? `${given['button']}-` : '';
  return `${button}${['', '', 'double-', 'triple-'][number(given['count'], 1)] ?? ''}`;
}

const actions: Readonly<Record<string, Words>> = {
  screenshot: { doing: 'Taking', done: 'Took', plain: 'Take', rest: () => 'a screenshot' },
  zoom: { doing: 'Zooming', done: 'Zoomed', plain: 'Zoom', rest: () => 'into a part of the screen' },
  cursor_position: { doing: 'Looking', done: 'Looked', plain: 'Look', rest: () => 'where the pointer is' },
  move: { doing: 'Moving', done: 'Moved', plain: 'Move', rest: ({ coordinate }) => joined('the pointer', place(coordinate) === null ? '' : `to ${place(coordinate)}`) },
  click: { doing: 'Clicking', done: 'Clicked', plain: 'Click', rest: (given) => joined(at(given['coordinate']), modifiers(given)) },
  press: { doing: 'Pressing', done: 'Pressed', plain: 'Press', rest: (given) => joined('the mouse button', at(given['coordinate'])) },
  release: { doing: 'Releasing', done: 'Released', plain: 'Release', rest: (given) => joined('the mouse button', at(given['coordinate'])) },
  drag: { doing: 'Dragging', done: 'Dragged', plain: 'Drag', rest: (given) => joined(`from ${place(given['coordinate']) ?? '?'} to ${place(given['end_coordinate']) ?? '?'}`, modifiers(given)) },
  scroll: { doing: 'Scrolling', done: 'Scrolled', plain: 'Scroll', rest: (given) => joined(text(given['direction']), at(given['coordinate'])) },
  type: { doing: 'Typing', done: 'Typed', plain: 'Type', rest: (given) => { const length = [...text(given['text'])].length; return `${length} character${length === 1 ? '' : 's'}`; } },
  key: { doing: 'Pressing', done: 'Pressed', plain: 'Press', rest: (given) => joined(keys(given), times(number(given['repeat'], 1))) },
  hold_key: { doing: 'Holding', done: 'Held', plain: 'Hold', rest: (given) => joined(keys(given), seconds(given)) },
  wait: { doing: 'Waiting', done: 'Waited', plain: 'Wait', rest: seconds },
};
const other: Words = { doing: 'Using', done: 'Used', plain: 'Use', rest: () => 'the desktop' };

const wordsFor = ({ arguments: given }: Call): Words => actions[text(given['action'])] ?? other;

export function actionVerb(call: Call, state: StepState): string {
  const words = wordsFor(call);
  const verb = state === 'running' ? words.doing : state === 'done' || state === 'failed' ? words.done : words.plain;
  const prefix = call.arguments['action'] === 'click' ? clicking(call.arguments) : '';
  if (prefix === '') return verb;
  const whole = `${prefix}${verb.toLowerCase()}`;
  return whole.charAt(0).toUpperCase() + whole.slice(1);
}

/** `at 412, 300`, `24 characters`: what the action was about, never the text that was typed. */
export function actionTarget(call: Call): string {
  return wordsFor(call).rest(call.arguments);
}

/** What the screen did, where that is worth a word: nothing, or no end of it. */
export function settleWords(call: Call): string | null {
  if (/^(screenshot|zoom|cursor_position|wait)$/.test(text(call.arguments['action']))) return null;
  const settle = call.result?.display?.['settle'];
  if (settle === 'nochange') return 'nothing changed';
  return settle === 'cap' ? 'still changing' : null;
}
