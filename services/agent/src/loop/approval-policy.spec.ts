import { describe, expect, it } from 'vitest';
import { reasonToAsk } from './approval-policy.ts';

const auto = { approval_mode: 'auto', always_allowed: [] } as const;
const ask = { approval_mode: 'ask', always_allowed: [] } as const;
const inside = { staysInside: true };

describe('whether a call asks first', () => {
  it.each([
    ['stays inside, nobody wants to be asked', inside, {}, auto, null],
    ['reaches outside', { staysInside: false }, {}, auto, /outside/],
    ['the conversation asks before everything', inside, {}, ask, /before every action/],
    ['the model asks, with a reason', inside, { ask_first: true, reason: ' It deletes. ' }, auto, /^It deletes\.$/],
    ['the model asks, without one', inside, { ask_first: true, reason: ' ' }, auto, /agent asks/],
    ['the model gives a reason only', inside, { reason: 'because' }, auto, null],
    ['something that only looks like asking', inside, { ask_first: 'true' }, auto, null],
    ['always allowed, though the model asks', inside, { ask_first: true }, { ...ask, always_allowed: ['bash'] }, null],
    ['another tool is always allowed', inside, {}, { ...ask, always_allowed: ['read'] }, /before every action/],
  ] as const)('%s', (_, tool, input, rules, expected) => {
    const reason = reasonToAsk(tool, 'bash', input, rules);
    if (expected === null) expect(reason).toBeNull();
    else expect(reason).toMatch(expected);
  });
});
