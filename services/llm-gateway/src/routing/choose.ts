import type { RouterSettings } from '../configuration/gateway-file.ts';
import type { CallSize, Deployment } from './deployment.ts';

/** The one of these to ask next; null when none may be asked now. `tried` are left until nothing else is there. `roomy`: whether one has room, by what is held here unless said otherwise. */
export function choose(able: readonly Deployment[], settings: RouterSettings, size: CallSize, tried: readonly Deployment[], random: () => number = Math.random, roomy: (deployment: Deployment) => boolean = (deployment) => deployment.hasRoom(size)): Deployment | null {
  // Most models have one deployment, and every call passes here.
  if (able.length === 1) return !able[0]!.isCooled && roomy(able[0]!) ? able[0]! : null;
  const awake = able.filter((deployment) => !deployment.isCooled && roomy(deployment));
  const fresh = awake.filter((deployment) => !tried.includes(deployment));
  const candidates = firstOrder(fresh.length > 0 ? fresh : awake);
  if (candidates.length <= 1) return candidates[0] ?? null;
  if (settings.strategy === 'least-busy') return least(candidates, ({ active }) => active, random);
  if (settings.strategy === 'usage-based-routing') return least(candidates, ({ tokensThisMinute }) => tokensThisMinute, random);
  // One that nobody knows yet is tried.
  if (settings.strategy === 'latency-based-routing') return least(candidates, ({ latencyMs }) => latencyMs ?? 0, random);
  return shuffled(candidates, random);
}

function firstOrder(deployments: readonly Deployment[]): readonly Deployment[] {
  const order = ({ entry }: Deployment): number => entry.limits.order ?? Number.MAX_SAFE_INTEGER;
  const first = Math.min(...deployments.map(order));
  return deployments.filter((deployment) => order(deployment) === first);
}

function least(deployments: readonly Deployment[], measure: (deployment: Deployment) => number, random: () => number): Deployment {
  const lowest = Math.min(...deployments.map(measure));
  const among = deployments.filter((deployment) => measure(deployment) === lowest);
  return among[Math.floor(random() * among.length)]!;
}

/** By weight; without weights by what each may take a minute; without both all alike. */
function shuffled(deployments: readonly Deployment[], random: () => number): Deployment {
  const measure = (['weight', 'rpm', 'tpm'] as const).find((name) => deployments.some(({ entry }) => entry.limits[name] !== null));
  const weights = deployments.map(({ entry }) => (measure === undefined ? 1 : (entry.limits[measure] ?? 0)));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  let at = random() * sum;
  for (const [index, weight] of weights.entries()) {
    at -= weight;
    if (at < 0) return deployments[index]!;
  }
  return deployments[Math.floor(random() * deployments.length)]!;
}
