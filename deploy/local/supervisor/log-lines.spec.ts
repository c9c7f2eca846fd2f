import { describe, expect, it } from 'vitest';
import { consoleForm } from './log-lines.ts';

describe('consoleForm', () => {
  it('shows warnings and worse in one short line', () => {
    expect(consoleForm('agent', '{"level":40,"msg":"slow"}')).toBe('agent: warning: slow');
    expect(consoleForm('agent', '{"level":50,"msg":"failed","err":{"message":"disk full","stack":"…"}}')).toBe('agent: error: failed: disk full');
  });

  it('leaves the rest to the log file', () => {
    for (const line of ['{"level":30,"msg":"fine"}', 'Error: plain text', '{broken', '{"msg":"no level"}', '']) expect(consoleForm('agent', line)).toBeNull();
  });

  it('cuts what is too long for a line', () => {
    expect(consoleForm('agent', JSON.stringify({ level: 50, msg: 'x'.repeat(5_000) }))?.length).toBeLessThan(400);
  });
});
