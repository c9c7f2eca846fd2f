import { describe, expect, it } from 'vitest';
import type { ToolStep } from '../timeline/view.ts';
import { copyOf } from './tool-copy.ts';

const step = (name: string, output: string, more: Partial<ToolStep> = {}, call: object = {}): ToolStep => ({ kind: 'tool', key: 'k', state: 'done', output, approval: null, call: { id: 'k', runId: 'r', name, arguments: {}, state: 'ended', ...call }, ...more });

describe('what is copied of a step', () => {
  it('is a command\'s output without its colours', () => {
    expect(copyOf(step('bash', '\u001b[31mred\u001b[0m\nplain\n'))).toBe('red\nplain\n');
    expect(copyOf(step('bash', ''))).toBeNull();
  });

  it('is a file without the numbers and notes of the tool', () => {
    expect(copyOf(step('read', '     1\timport sys\n     2\t\n[2 more lines]'))).toBe('import sys\n');
    expect(copyOf(step('write', 'Wrote 1 line', {}, { arguments: { content: 'one\n' } }))).toBe('one\n');
    expect(copyOf(step('write', 'No such folder', { state: 'failed' }, { arguments: { content: 'one\n' } }))).toBe('No such folder');
  });
});
