import { randomKey } from '../text/random-key.ts';

const key = 'client-id';
let id: Promise<string> | null = null;

/**
 * This tab's name, which it keeps over reloads. A duplicated tab brings the name of the other with it: whoever comes second
 * gets a new one. (Without a secure context there are no locks, and duplicates stay alike.)
 */
export function clientId(): Promise<string> {
  id ??= claim(sessionStorage.getItem(key) ?? randomKey()).then((name) => {
    sessionStorage.setItem(key, name);
    return name;
  });
  return id;
}

async function claim(name: string): Promise<string> {
  if (!('locks' in navigator)) return name;
  return (await held(name)) ? name : claim(randomKey());
}

/** Holds a lock on the name as long as the tab lives. */
function held(name: string): Promise<boolean> {
  return new Promise((resolve) => {
    void navigator.locks.request(`deskhand:tab:${name}`, { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      return lock === null ? undefined : new Promise<void>(() => {});
    });
  });
}
