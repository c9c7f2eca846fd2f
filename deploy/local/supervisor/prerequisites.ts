import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What the bootstrap found on this machine. */
export interface Prerequisites {
  readonly natsServer: string | null;
  readonly dockerHost: string | null;
  /** A sentence that says why there are no computers, or null. */
  readonly dockerProblem: string | null;
  readonly sandboxImage: string | null;
  readonly caBundle: string | null;
  readonly chromium: string | null;
}

/** From the environment that the bootstrap made, else from what its last run noted in dist/. */
export function readPrerequisites(root: string, environment: NodeJS.ProcessEnv = process.env): Prerequisites {
  const noted = readNoted(join(root, 'dist', 'prerequisites.json'));
  const value = (name: string) => environment[name] || noted[name] || null;
  const sandboxImage = value('SANDBOX_IMAGE');
  const unknown = sandboxImage ? null : 'The sandbox image was not looked for. Run npm start.';
  return {
    natsServer: value('NATS_SERVER'),
    dockerHost: value('DOCKER_HOST'),
    dockerProblem: environment.DOCKER_PROBLEM || (environment.SANDBOX_IMAGE ? null : noted.DOCKER_PROBLEM) || unknown,
    sandboxImage,
    caBundle: value('CA_BUNDLE'),
    chromium: value('CHROMIUM'),
  };
}

function readNoted(file: string): Record<string, string | undefined> {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Record<string, string | undefined>;
  } catch {
    return {};
  }
}
