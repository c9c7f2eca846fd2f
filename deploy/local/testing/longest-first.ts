import { relative } from 'node:path';
import type { TestSpecification } from 'vitest/node';
import { BaseSequencer } from 'vitest/node';

/**
 * About how many seconds the long files take. The runner begins with them, so that none of them is alone at the end while
 * the other workers have nothing to do. A file that is not here counts as short; a number that is off costs some seconds.
 */
const seconds: Readonly<Record<string, number>> = {
  'services/auth/test/auth.medium.spec.ts': 35,
  'services/agent/test/workers.medium.spec.ts': 30,
  'services/conversations/test/leases.medium.spec.ts': 25,
  'services/llm-gateway/test/configured-models.medium.spec.ts': 10,
  'services/llm-gateway/test/instances.medium.spec.ts': 23,
  'services/llm-gateway/test/bounds.medium.spec.ts': 22,
  'services/llm-gateway/test/other-formats.medium.spec.ts': 6,
  'packages/platform/test/bus.medium.spec.ts': 18,
  'services/agent/test/remote-servers.medium.spec.ts': 17,
  'services/gateway/test/security.medium.spec.ts': 17,
  'services/llm-gateway/test/hostile-upstreams.medium.spec.ts': 14,
  'packages/mcp/test/program.medium.spec.ts': 12,
  'services/llm-gateway/test/clients.medium.spec.ts': 12,
  'services/sandbox-manager/test/managers.medium.spec.ts': 61,
  'services/sandbox-manager/test/desktop.medium.spec.ts': 47,
  'services/sandbox-manager/test/lifecycle.medium.spec.ts': 23,
  'services/sandbox-manager/test/containment.medium.spec.ts': 19,
  'services/agent/test/computer-tool.medium.spec.ts': 16,
  'e2e/scenarios/two-of-everything.e2e.ts': 70,
  'e2e/scenarios/desktop-page.e2e.ts': 52,
  'e2e/scenarios/tour.e2e.ts': 37,
  'e2e/scenarios/endurance.e2e.ts': 41,
  'e2e/scenarios/reliability.e2e.ts': 41,
  'e2e/scenarios/computer-tool.e2e.ts': 40,
  'e2e/scenarios/desktop-viewing.e2e.ts': 38,
  'e2e/scenarios/mcp.e2e.ts': 27,
  'e2e/scenarios/conversations.e2e.ts': 25,
  'e2e/scenarios/security-sandbox.e2e.ts': 20,
  'e2e/scenarios/operation.e2e.ts': 15,
  'e2e/scenarios/reliability-stalled.e2e.ts': 15,
  'e2e/scenarios/chat-page.e2e.ts': 14,
  'e2e/scenarios/gateway-pages.e2e.ts': 14,
  'e2e/scenarios/model-clients.e2e.ts': 13,
};

/** Sorts the files of each project. What ran here before does not matter: every machine has the same order. */
export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const known = ({ moduleId }: TestSpecification) => seconds[relative(this.ctx.config.root, moduleId)] ?? 0;
    return [...new Set(sorted.map(({ project }) => project))].flatMap((of) => sorted.filter(({ project }) => project === of).sort((one, other) => known(other) - known(one)));
  }
}
