import { describe, expect, it } from 'vitest';
import { driverOf, statusOf, timeLeft } from './status.ts';

const lease = { holder: 'ada', clientId: 'tab-1', epoch: 3, until: '2026-11-21T12:00:00.000Z', askedBy: null };
const run = (state: 'active' | 'parked' | 'queued') => ({ id: 'r', state });

describe('who drives', () => {
  it('is told apart by tab and by person', () => {
    expect([driverOf(null, 'ada', 'tab-1'), driverOf(lease, 'ada', 'tab-1'), driverOf(lease, 'ada', 'tab-2'), driverOf(lease, 'bob', 'tab-3')]).toEqual([null, 'me', 'other-tab', 'other-person']);
  });
});

describe('the status', () => {
  it.each([
    ['me', run('active'), 1, 'You are driving'],
    ['other-tab', run('active'), 0, 'You are driving in another tab'],
    ['other-person', null, 0, 'Somebody else is driving'],
    [null, run('parked'), 1, 'Waiting for you'],
    [null, run('active'), 0, 'Agent is working'],
    [null, run('queued'), 0, 'Agent is working'],
    [null, null, 0, 'Idle'],
  ] as const)('%s, %j, %i approvals', (driver, current, approvals, text) => {
    expect(statusOf(driver, current, approvals).text).toBe(text);
  });
});

describe('the time left', () => {
  it.each([[581_000, '9:41'], [59_100, '1:00'], [999, '0:01'], [-5, '0:00']])('%i ms', (milliseconds, words) => expect(timeLeft(milliseconds)).toBe(words));
});
