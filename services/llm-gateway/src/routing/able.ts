import type { RouterSettings } from '../configuration/gateway-file.ts';
import { WireError } from '../wire/wire-format.ts';
import type { CallSize, Deployment } from './deployment.ts';

/** Those that could answer this call at all, by its tags and by how much they take in. */
export function ableOf(deployments: readonly Deployment[], settings: RouterSettings, size: CallSize): readonly Deployment[] {
  const tagged = taggedFor(deployments, settings, size);
  return settings.preCallChecks ? tagged.filter((deployment) => takesIn(deployment, size)) : tagged;
}

/** Whether all that its tags leave it take in less than a call has. */
export function isTooLong(deployments: readonly Deployment[], settings: RouterSettings, size: CallSize): boolean {
  const tagged = settings.preCallChecks ? taggedFor(deployments, settings, size) : [];
  return tagged.length > 0 && !tagged.some((deployment) => takesIn(deployment, size));
}

/** Why none of a model's deployments can be asked for a call, and when one may be. */
export function whyNobody(model: string, deployments: readonly Deployment[], settings: RouterSettings, size: CallSize): WireError {
  // It was there when the call came.
  if (deployments.length === 0) return new WireError('not-found', `There is no model ${model} any more.`, 'model', 'model_not_found');
  const tagged = taggedFor(deployments, settings, size);
  if (tagged.length === 0) return new WireError('bad-request', `No deployment of ${model} is for the tags ${size.tags.join(', ').slice(0, 500)}.`, 'tags', 'no_deployments_with_tag_routing');
  if (isTooLong(deployments, settings, size)) {
    const most = Math.max(...tagged.map(({ window }) => window ?? 0));
    return new WireError('bad-request', `prompt is too long: ${size.longest ?? size.input} tokens > ${most} maximum. No deployment of ${model} takes in more.`, 'messages', 'context_length_exceeded');
  }
  const able = ableOf(deployments, settings, size);
  if (able.every((deployment) => deployment.isTooLarge(size))) {
    return new WireError('too-large', `No deployment of ${model} takes so much in a minute: the call is estimated at ${size.input} tokens, and their tpm is ${Math.max(...able.map(({ entry }) => entry.limits.tpm ?? 0))} at most.`, 'messages', 'request_too_large');
  }
  const seconds = Math.max(1, Math.ceil(Math.min(...able.filter((deployment) => !deployment.isTooLarge(size)).map((deployment) => deployment.restsMsFor(size))) / 1_000));
  return new WireError('rate-limited', `No deployment of ${model} can be asked at the moment. Try again in ${seconds} s.`, 'model', 'no_deployments_available', seconds);
}

const takesIn = ({ window }: Deployment, { input, longest = input }: CallSize): boolean => window === null || longest <= window;

/** By LiteLLM's rules: those with a tag of the call, else those for every other call (`default`); `!tag` rules out those that have it. */
function taggedFor(deployments: readonly Deployment[], { tagFiltering, anyTag }: RouterSettings, { tags }: CallSize): readonly Deployment[] {
  if (!tagFiltering) return deployments;
  const ruledOut = tags.filter((tag) => tag.startsWith('!')).map((tag) => tag.slice(1));
  const wanted = tags.filter((tag) => !tag.startsWith('!'));
  const isAllowed = ({ entry }: Deployment): boolean => !entry.limits.tags.some((tag) => ruledOut.includes(tag));
  const general = deployments.filter(({ entry }) => entry.limits.tags.includes('default'));
  if (wanted.length === 0) return (general.length > 0 ? general : deployments).filter(isAllowed);
  const matches = ({ entry: { limits } }: Deployment): boolean => (anyTag ? wanted.some((tag) => limits.tags.includes(tag)) : wanted.every((tag) => limits.tags.includes(tag)));
  const matching = deployments.filter((deployment) => matches(deployment) && isAllowed(deployment));
  return matching.length > 0 ? matching : general.filter(isAllowed);
}
