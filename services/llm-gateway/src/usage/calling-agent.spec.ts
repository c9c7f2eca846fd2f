import { expect, it } from 'vitest';
import { callingAgent } from './calling-agent.ts';

it('LLM-6: coding agents are known by what they call themselves', () => {
  const names = ['claude-cli/2.1.329 (external, cli)', 'codex_cli_rs/0.169.0 (Linux)', 'codex_exec/0.169.0', 'opencode/1.18.33 ai-sdk/provider-utils', 'Aider/0.86.0', 'OpenAI/Python 2.1.0', 'claudette/1', undefined];
  expect(names.map((name) => callingAgent({ 'user-agent': name }))).toEqual(['claude-code', 'codex', 'codex', 'opencode', 'aider', null, null, null]);
  expect(callingAgent({ 'user-agent': 'reqwest/0.12', originator: 'codex_cli_rs' })).toBe('codex');
});
