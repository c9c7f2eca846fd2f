import { describe, expect, it } from 'vitest';
import { handleIn, toolName } from './tool-names.ts';

describe('names of MCP tools', () => {
  it('say server and tool, in what every provider takes', () => {
    expect(toolName('weather', 'get_forecast')).toBe('mcp__weather__get_forecast');
    for (const tool of ['a.b/c', 'ärger', 'x'.repeat(200), '', '__', 'a__b']) expect(toolName('a_handle_of_24_letters_xx', tool)).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
  });

  it('are never shared by two tools', () => {
    const tools = ['a.b', 'a_b', 'a/b', `${'x'.repeat(80)}1`, `${'x'.repeat(80)}2`];
    expect(new Set(tools.map((tool) => toolName('s', tool))).size).toBe(tools.length);
    expect(toolName('s', 'a.b')).toBe(toolName('s', 'a.b'));
  });

  it('lead back to the server', () => {
    expect(handleIn(toolName('a_b', '__c__d'))).toBe('a_b');
    expect(handleIn('bash')).toBeNull();
    expect(handleIn('mcp__')).toBeNull();
  });
});
