export type Registration = 'open' | 'invite' | 'closed';

/** Who may register now: what the operator set, else everybody until there is an account and nobody after. */
export function registrationNow(setting: Registration | undefined, accounts: number): Registration {
  return setting ?? (accounts === 0 ? 'open' : 'closed');
}

const makeOne = 'An administrator makes accounts with: npm run deskhand -- user create';

/** What a person is told who may not register. */
export const registrationRefusal: Readonly<Record<Exclude<Registration, 'open'>, string>> = {
  closed: `Registration is closed. ${makeOne}`,
  invite: `Registration needs an invitation, and this one is not valid. ${makeOne}`,
};
