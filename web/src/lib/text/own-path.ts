/** A path of this site to go to, whatever an address claims: never another origin. */
export function ownPath(next: string | null): string {
  return next !== null && /^\/(?![/\\])/.test(next) ? next : '/';
}
