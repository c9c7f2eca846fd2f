import type { CommandOutcome, DesktopAction, DesktopView } from '@deskhand/contracts';
import { describe, expect, it } from 'vitest';
import { toolDescriptions, tools } from './index.ts';
import type { CommandTool, DesktopTool } from './tool.ts';

const ended: CommandOutcome = { exit_code: 0, signal: null, timed_out: false, killed: false, duration_ms: 1 };
const tool = (name: string) => tools.get(name) as CommandTool;
const plan = (name: string, input: unknown) => tool(name).plan(tool(name).input.parse(input), '01890000-0000-7000-8000-00000000abcd');
const conclude = (name: string, input: unknown, output: string, outcome: Partial<CommandOutcome> = {}) => tool(name).conclude(tool(name).input.parse(input), output, { ...ended, ...outcome });

describe('tools', () => {
  it('are told to models as JSON schema objects', () => {
    expect(toolDescriptions.map(({ name }) => name)).toEqual(['bash', 'read', 'write', 'edit', 'computer']);
    for (const { parameters } of toolDescriptions) expect(parameters).toMatchObject({ type: 'object', properties: expect.any(Object), required: expect.any(Array) });
    expect(toolDescriptions[0]?.parameters).not.toHaveProperty('$schema');
  });
});

describe('bash', () => {
  it('is a login shell with a time limit', () => {
    expect(plan('bash', { command: 'ls' })).toEqual({ argv: ['bash', '-lc', 'ls'], timeout_ms: 120_000, descendants: 'keep' });
    expect(plan('bash', { command: 'ls', timeout_seconds: 5 })).toMatchObject({ timeout_ms: 5_000 });
  });

  it('never lets a background command into the line that starts it', () => {
    const planned = plan('bash', { command: '"; rm -rf / #', background: true });
    expect(planned).toMatchObject({ argv: ['bash', '-c', expect.not.stringContaining('rm'), 'bash', '"; rm -rf / #', '/tmp/background-00000000abcd.log'] });
  });

  it('takes a non-zero exit code for a result, not an error', () => {
    expect(conclude('bash', { command: 'false' }, '', { exit_code: 1 })).toEqual({ text: '', is_error: false, exit_code: 1 });
  });

  it('says when it did not end by itself', () => {
    expect(conclude('bash', { command: 'x', timeout_seconds: 2 }, 'half', { exit_code: null, signal: 'SIGKILL', timed_out: true })).toEqual({ text: '\n[timed out after 2 seconds; everything it started was ended]\n', is_error: true });
    expect(conclude('bash', { command: 'x' }, 'half\n', { exit_code: null, signal: 'SIGKILL', contained: 'out of memory' })).toMatchObject({ text: '[ended by the computer: out of memory]\n', is_error: true });
    expect(conclude('bash', { command: 'x' }, '', { exit_code: null, signal: 'SIGSEGV' })).toMatchObject({ text: '[ended by signal SIGSEGV]\n', is_error: true });
  });
});

describe('file tools', () => {
  it('are one call each of the computer\'s file program', () => {
    expect(plan('read', { path: 'a.txt', offset: 3, limit: 9 })).toMatchObject({ argv: ['/opt/deskhand/bin/deskhand-file', 'read', 'a.txt', '--offset', '3', '--limit', '9'] });
    expect(plan('write', { path: '-x', content: 'a\ud800' })).toMatchObject({ argv: ['/opt/deskhand/bin/deskhand-file', 'write', './-x'], stdin: 'a\ufffd' });
    expect(plan('edit', { path: 'a', old_string: 'é\n', new_string: '1', replace_all: true })).toMatchObject({ argv: ['/opt/deskhand/bin/deskhand-file', 'edit', 'a', '--all'], stdin: '3\né\n1' });
  });

  it('refuse what does not fit into one command, in words', () => {
    expect(plan('write', { path: 'a', content: 'x'.repeat(600_001) })).toEqual({ problem: expect.stringContaining('in parts') });
    expect(plan('edit', { path: 'a', old_string: 'x'.repeat(400_000), new_string: 'y'.repeat(400_000) })).toEqual({ problem: expect.stringContaining('smaller') });
    expect(tool('read').input.safeParse({ path: 'a\0b' }).success).toBe(false);
  });

  it('say what they did, with facts for people', () => {
    expect(conclude('write', { path: 'a', content: 'x\ny\n' }, '{"path":"/workspace/a","lines":2,"created":true,"before":null}\n')).toEqual({ text: 'Created /workspace/a (2 lines).', is_error: false, display: { path: '/workspace/a', lines: 2, created: true, before: '', after: 'x\ny\n' } });
    expect(conclude('write', { path: 'a', content: 'x' }, '{"path":"/workspace/a","lines":1,"created":false,"before":"old"}\n')).toMatchObject({ text: 'Wrote /workspace/a (1 line).', display: { before: 'old', after: 'x' } });
    expect(conclude('edit', { path: 'a', old_string: 'x', new_string: 'y' }, '{"path":"/workspace/a","occurrences":1,"first_line":7}\n')).toEqual({ text: 'Replaced 1 occurrence in /workspace/a at line 7.', is_error: false, display: { path: '/workspace/a', occurrences: 1, first_line: 7, before: 'x', after: 'y' } });
    expect(conclude('edit', { path: 'a', old_string: 'x', new_string: 'y' }, '{"path":"/workspace/a","occurrences":3,"first_line":7}\n')).toMatchObject({ text: 'Replaced 3 occurrences in /workspace/a, first at line 7.' });
  });

  it('leave long texts out of the facts', () => {
    expect(conclude('write', { path: 'a', content: 'x'.repeat(70_000) }, '{"path":"/a","created":true}\n').display).toEqual({ path: '/a', lines: 1, created: true });
  });

  it('hand on what went wrong', () => {
    expect(conclude('edit', { path: 'a', old_string: 'x', new_string: 'y' }, 'old_string is there 2 times\n', { exit_code: 1 })).toMatchObject({ text: 'old_string is there 2 times', is_error: true });
    expect(conclude('read', { path: 'a' }, '', { exit_code: 1 })).toMatchObject({ is_error: true, text: expect.stringContaining('could not') });
  });

  it('do not depend on facts that cannot be read', () => {
    expect(conclude('write', { path: 'a', content: 'x' }, 'garbage')).toMatchObject({ text: 'Wrote a (1 line).', is_error: false });
  });
});

describe('computer', () => {
  const computer = tools.get('computer') as DesktopTool;
  const planned = (input: object) => computer.plan(computer.input.parse(input));
  const view: DesktopView = { state: 'done', settle: 'settled' };

  it('turns flat arguments into one action', () => {
    expect(planned({ action: 'screenshot' })).toEqual({ action: 'screenshot' });
    expect(planned({ action: 'click', coordinate: [10.4, 799] })).toEqual({ action: 'click', at: { x: 10, y: 799 }, button: 'left', count: 1 });
    expect(planned({ action: 'click', button: 'right', count: 2, modifiers: ['ctrl'] })).toEqual({ action: 'click', button: 'right', count: 2, modifiers: ['ctrl'] });
    expect(planned({ action: 'drag', coordinate: [1, 2], end_coordinate: [3, 4] })).toEqual({ action: 'drag', path: [{ x: 1, y: 2 }, { x: 3, y: 4 }], button: 'left' });
    expect(planned({ action: 'scroll', direction: 'down' })).toEqual({ action: 'scroll', direction: 'down', amount: 3 });
    expect(planned({ action: 'type', text: 'Grüße 你好 🙂' })).toEqual({ action: 'type', text: 'Grüße 你好 🙂' });
    expect(planned({ action: 'key', keys: 'ctrl+l' })).toEqual({ action: 'key', keys: 'ctrl+l', repeat: 1 });
    expect(planned({ action: 'key', text: 'Return' })).toEqual({ action: 'key', keys: 'Return', repeat: 1 });
    expect(planned({ action: 'hold_key', keys: 'w', seconds: 1.5 })).toEqual({ action: 'hold_key', keys: 'w', duration_ms: 1_500 });
    expect(planned({ action: 'wait' })).toEqual({ action: 'wait', duration_ms: 1_000 });
    expect(planned({ action: 'zoom', region: [0, 0, 100, 50] })).toEqual({ action: 'zoom', region: [0, 0, 100, 50] });
  });

  it('says what is missing or outside the screen, and never moves it to the edge', () => {
    expect(planned({ action: 'move' })).toEqual({ problem: 'The action move needs coordinate.' });
    expect(planned({ action: 'drag', coordinate: [1, 1] })).toEqual({ problem: 'The action drag needs end_coordinate.' });
    expect(planned({ action: 'type' })).toEqual({ problem: 'The action type needs text.' });
    expect(planned({ action: 'click', coordinate: [1_280, 5] })).toEqual({ problem: expect.stringMatching(/^coordinate \[1280, 5\] is outside the screen.*1279/) });
    expect(planned({ action: 'drag', coordinate: [1, 1], end_coordinate: [5, -1] })).toEqual({ problem: expect.stringMatching(/^end_coordinate/) });
    expect(planned({ action: 'zoom', region: [0, 0, 2_000, 10] })).toEqual({ problem: expect.stringContaining('region') });
    expect(planned({ action: 'type', text: '' })).toEqual({ problem: expect.stringContaining('text') });
    expect(computer.input.safeParse({ action: 'fly' }).success).toBe(false);
  });

  it('tells what it did and what the screen did', () => {
    const said = (input: object, more: Partial<DesktopView> = {}) => computer.conclude(planned(input) as DesktopAction, { ...view, ...more });
    expect(said({ action: 'click', coordinate: [7, 8], count: 2 })).toEqual({ text: 'Clicked left 2 times at (7, 8). The screen changed and came to rest (settled).', display: { action: 'click', settle: 'settled' } });
    expect(said({ action: 'key', keys: 'Tab' }, { settle: 'nochange' }).text).toBe('Pressed Tab. Nothing on the screen changed (nochange).');
    expect(said({ action: 'wait' }, { settle: 'cap' }).text).toContain('still changing (cap)');
    expect(said({ action: 'screenshot' }).text).toBe('The screen, 1280x800 pixels.');
    expect(said({ action: 'wait' }, { notices: ['The screen was started again.'] }).text).toMatch(/^Waited 1 s.*\n\[The screen was started again\.\]$/);
    expect(said({ action: 'cursor_position' }, { cursor: { x: 3, y: 4 } })).toMatchObject({ text: 'The pointer is at (3, 4).', display: { cursor: { x: 3, y: 4 } } });
    expect(said({ action: 'type', text: 'a secret 🙂' }).text).toBe('Typed 10 characters. The screen changed and came to rest (settled).');
  });

  it('has a schema that any model takes: flat, with the action as the only must', () => {
    const { parameters } = toolDescriptions.find(({ name }) => name === 'computer')!;
    expect(parameters).toMatchObject({ type: 'object', required: ['action'] });
    expect(JSON.stringify(parameters)).not.toMatch(/oneOf|anyOf|prefixItems|\$ref/);
  });
});
