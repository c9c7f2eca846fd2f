import { run, which } from './run.mjs';

/** Path of the Go toolchain, or null. */
export const findGo = () => which('go', `${process.env.PATH}:/usr/local/go/bin`);

/**
 * Builds a program of a Go module into `folder`. Throws a sentence when that cannot be done; a module proxy that does not
 * answer is left within seconds.
 */
export async function goInstall(folder, { module, program = '', version }, { seconds, answerSeconds = 12 }) {
  const go = findGo();
  if (!go) throw new Error('go is not installed');
  const environment = { GOBIN: folder, CGO_ENABLED: '0' };
  // A small question first: a build that waits for an answer looks like one that takes its time.
  const asked = await run(go, ['list', '-m', `${module}@${version}`], { seconds: answerSeconds, cwd: folder, environment });
  if (asked.timedOut) throw new Error('the module proxy does not answer');
  const built = await run(go, ['install', `${module}${program}@${version}`], { seconds, cwd: folder, environment });
  if (!built.ok) throw new Error(built.output.trimEnd().split('\n').at(-1) || 'no answer');
}
