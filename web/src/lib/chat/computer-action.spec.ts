import { describe, expect, it } from 'vitest';
import type { Call } from '../timeline/state.ts';
import { actionTarget, actionVerb, settleWords } from './computer-action.ts';

const call = (given: Record<string, unknown>, settle?: string): Call => ({ id: 'c', runId: 'r', name: 'computer', arguments: given, state: 'ended', ...(settle && { result: { output: '', display: { settle } } }) });

describe('an action on the desktop, in words', () => {
  it.each([
    [{ action: 'click', coordinate: [412, 300] }, 'Clicked at 412, 300'],
    [{ action: 'click', coordinate: [412.4, 300], count: 2, button: 'left' }, 'Double-clicked at 412, 300'],
    [{ action: 'click', button: 'right', modifiers: ['ctrl', 'shift'] }, 'Right-clicked with ctrl+shift held'],
    [{ action: 'type', text: 'Grüße 🙂' }, 'Typed 7 characters'],
    [{ action: 'screenshot' }, 'Took a screenshot'],
    [{ action: 'key', keys: 'ctrl+l', repeat: 3 }, 'Pressed ctrl+l 3 times'],
    [{ action: 'scroll', direction: 'down', coordinate: [5, 6] }, 'Scrolled down at 5, 6'],
    [{ action: 'drag', coordinate: [1, 2], end_coordinate: [3, 4] }, 'Dragged from 1, 2 to 3, 4'],
    [{ action: 'hold_key', keys: 'F5', seconds: 2 }, 'Held F5 for 2 s'],
    [{ action: 'wait' }, 'Waited for 1 s'],
    [{ action: 'juggle', coordinate: 'there' }, 'Used the desktop'],
  ])('%j', (given, words) => {
    expect(`${actionVerb(call(given), 'done')} ${actionTarget(call(given))}`).toBe(words);
  });

  it('speaks of what is under way and of what never was', () => {
    expect([actionVerb(call({ action: 'click', count: 3 }), 'running'), actionVerb(call({ action: 'type', text: 'x' }), 'denied')]).toEqual(['Triple-clicking', 'Type']);
  });

  it('never shows what was typed', () => {
    expect(actionTarget(call({ action: 'type', text: 'hunter2' }))).not.toContain('hunter2');
  });

  it('says when the screen did not come to rest', () => {
    expect([settleWords(call({ action: 'click' }, 'cap')), settleWords(call({ action: 'click' }, 'nochange')), settleWords(call({ action: 'click' }, 'settled')), settleWords(call({ action: 'screenshot' }, 'nochange'))]).toEqual(['still changing', 'nothing changed', null, null]);
  });
});
