import { expect, it } from 'vitest';
import { exposition } from './exposition.ts';

it('OPS-3: figures of all services in the text format, families together', () => {
  const runs = { name: 'deskhand_runs', help: 'Runs by "state"', type: 'gauge' } as const;
  expect(exposition([
    { service: 'conversations', samples: [{ ...runs, value: 2, labels: { state: 'a"b' } }, { name: 'deskhand_x', help: 'x', type: 'counter', value: 1.5 }] },
    { service: 'agent', samples: [{ ...runs, value: 1 }] },
  ])).toBe([
    '# HELP deskhand_runs Runs by \\"state\\"', '# TYPE deskhand_runs gauge', 'deskhand_runs{service="conversations",state="a\\"b"} 2', 'deskhand_runs{service="agent"} 1',
    '# HELP deskhand_x x', '# TYPE deskhand_x counter', 'deskhand_x{service="conversations"} 1.5', '',
  ].join('\n'));
});
