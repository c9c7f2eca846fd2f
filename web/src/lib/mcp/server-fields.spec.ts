import type { McpServerDetails } from '@deskhand/contracts';
import { describe, expect, it } from 'vitest';
import { bodyOf, fieldsOf, placeOf } from './server-fields.ts';

const server: McpServerDetails = {
  id: 'x', name: 'Files', handle: 'files', description: 'Reads', transport: 'stdio', command: 'mcp-files', args: ['--root', '/workspace'], url: null, env_vars: { TOKEN: null, OLD: null }, headers: {}, is_enabled: true,
  created_at: '', updated_at: '',
};

describe('the fields of an MCP server', () => {
  it('give back what they were filled with, and keep stored values', () => {
    expect(bodyOf(fieldsOf(server))).toEqual({ name: 'Files', description: 'Reads', transport: 'stdio', command: 'mcp-files', args: ['--root', '/workspace'], env_vars: { TOKEN: null, OLD: null } });
  });

  it('send new values, and leave out what was taken away', () => {
    const fields = fieldsOf(server);
    fields.variables = [{ ...fields.variables[0]!, value: 'new' }, { key: 9, name: ' ADDED ', value: '', stored: false }, { key: 10, name: '', value: 'nameless', stored: false }];
    expect(bodyOf(fields)).toMatchObject({ env_vars: { TOKEN: 'new', ADDED: '' } });
  });

  it('send what the transport needs', () => {
    expect(bodyOf({ ...fieldsOf(null), name: 'Remote', transport: 'sse', url: ' https://example.org/sse ', headers: [{ key: 0, name: 'Authorization', value: 'Bearer x', stored: false }] })).toEqual({
      name: 'Remote', description: '', transport: 'sse', url: 'https://example.org/sse', headers: { Authorization: 'Bearer x' },
    });
    expect(bodyOf({ ...fieldsOf(null), args: '' })).toMatchObject({ args: [] });
    expect(bodyOf({ ...fieldsOf(null), args: 'a\n\nb\n' })).toMatchObject({ args: ['a', '', 'b'] });
  });

  it('say where it is', () => {
    expect(placeOf(server)).toBe('mcp-files --root /workspace');
    expect(placeOf({ ...server, transport: 'sse', url: 'https://example.org/sse' })).toBe('https://example.org/sse');
  });
});
