import { patternOf } from '../configuration/read-gateway-file.ts';
import { entryOf } from '../entry-of.ts';
import type { Router } from '../routing/router.ts';

/**
 * Whether a key's budget for the model `named` counts a call that asked for `asked`, by whatever spelling: an alias of the key or of
 * the router, a pattern, or the name without its provider. `asked` has the key's aliases behind it already.
 */
export function countsFor(named: string, asked: string, aliases: Readonly<Record<string, string>>, router: Pick<Router, 'groupOf'>): boolean {
  const meant = router.groupOf(entryOf(aliases, named) ?? named);
  return [asked, router.groupOf(asked)].some((name) => isNamed(named, name) || isNamed(meant, name));
}

function isNamed(named: string, model: string): boolean {
  const bare = model.slice(model.lastIndexOf('/') + 1);
  if (!named.includes('*')) return named === model || named === bare;
  const pattern = patternOf(named);
  return pattern.test(model) || pattern.test(bare);
}
