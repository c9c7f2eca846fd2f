import { describe, expect, it } from 'vitest';
import type { Computer } from '../timeline/state.ts';
import { computerWords } from './computer-words.ts';

describe('what a computer does, in words', () => {
  it.each([
    [{ state: 'none' }, null],
    [{ state: 'starting', step: 'Preparing computer: workspace' }, 'Preparing computer: workspace'],
    [{ state: 'starting', step: 'connecting' }, 'Preparing computer: connecting'],
    [{ state: 'ready' }, null],
    [{ state: 'ready', step: 'Starting the desktop again' }, 'Starting the desktop again'],
    [{ state: 'stopped' }, null],
    [{ state: 'stopped', error: 'The computer ran out of memory and was ended.' }, 'The computer ran out of memory and was ended.'],
    [{ state: 'failed', error: 'no image' }, 'The computer failed: no image'],
  ] as const)('%j', (computer, words) => {
    expect(computerWords({ computer_id: 'c', ...computer } as Computer)?.strip ?? null).toBe(words);
  });
});
