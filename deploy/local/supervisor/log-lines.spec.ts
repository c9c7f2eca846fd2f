import { describe, expect, it } from 'vitest';
import { consoleForm } from './log-lines.ts';

describe('consoleForm', () => {
  it('shows warnings and worse in one short line', () => {
    expect(consoleForm('agent', '{"level":"warn","time":"2026-11-21T07:38:18.130Z","service":"agent","msg":"slow"}')).toBe('agent: warning: slow');
    expect(consoleForm('agent', '{"level":"error","msg":"failed","error":{"type":"Error","message":"disk full\\n  really","stack":"…"}}')).toBe('agent: error: failed: disk full really');
    expect(consoleForm('agent', '{"level":"error","msg":"It failed: disk full","error":{"message":"disk full"}}')).toBe('agent: error: It failed: disk full');
  });

  it('leaves the rest to the log file', () => {
    for (const line of ['{"level":"info","msg":"fine"}', '{"level":"debug","msg":"finer"}', 'Error: plain text', '{broken', '{"msg":"no level"}', '']) expect(consoleForm('agent', line)).toBeNull();
  });

  it('cuts what is too long for a line', () => {
    expect(consoleForm('agent', JSON.stringify({ level: 'error', msg: 'x'.repeat(5_000) }))?.length).toBeLessThan(400);
  });
});
