import { defineConfig } from 'vitest/config';
import LongestFirst from './deploy/local/testing/longest-first.ts';

const never = ['**/node_modules/**', '**/dist/**', '**/build/**', '**/.svelte-kit/**'];

/** Builds images and starts the product from them: a project of its own, for it takes long and mostly waits. */
const containers = 'e2e/scenarios/compose.e2e.ts';

/** Real computers and their desktops, with clicks and keys that mean something else when they are late: nothing heavy runs beside them. */
const computers = ['services/sandbox-manager/test/*.medium.spec.ts', 'services/agent/test/computer-tool.medium.spec.ts'];

export default defineConfig({
  test: {
    passWithNoTests: true,
    setupFiles: ['deploy/local/testing/seed.ts'],
    sequence: { sequencer: LongestFirst },
    // What a poll waits for comes at once on a quiet machine; how long it may take on a busy one is no promise unless the test says so.
    expect: { poll: { timeout: 10_000 } },
    projects: [
      {
        // Files share their modules: to load them anew for each costs more than all the tests.
        extends: true,
        test: { name: 'unit', isolate: false, include: ['**/*.spec.ts'], exclude: [...never, '**/*.medium.spec.ts'], testTimeout: 30_000, maxWorkers: 2 },
      },
      {
        // They wait for time-outs and leases more than they compute.
        extends: true,
        test: { name: 'medium', isolate: false, include: ['**/test/*.medium.spec.ts'], exclude: [...never, ...computers], testTimeout: 60_000, hookTimeout: 120_000, maxWorkers: 3, sequence: { groupOrder: 1 } },
      },
      {
        extends: true,
        test: { name: 'computers', include: computers, exclude: never, testTimeout: 60_000, hookTimeout: 120_000, maxWorkers: 3 },
      },
      {
        extends: true,
        test: { name: 'e2e', include: ['e2e/scenarios/*.e2e.ts'], exclude: [...never, containers], testTimeout: 180_000, hookTimeout: 300_000, maxWorkers: 2 },
      },
      {
        extends: true,
        test: { name: 'containers', include: [containers], exclude: never, testTimeout: 300_000, hookTimeout: 900_000, maxWorkers: 1 },
      },
    ],
  },
});
