import { join } from 'node:path';
import * as util from 'node:util';
import { readOrNull, root } from './checkout.mjs';

/** The settings that already matter before the product starts, with the older names that `.env` may use for them. */
const wanted = {
  DOCKER_HOST: [],
  DOCKER_TLS_VERIFY: [],
  DOCKER_CERT_PATH: [],
  DESKHAND_NATS_URL: [],
  DESKHAND_EXTRA_CA_CERTS: [],
  DESKHAND_SANDBOX_IMAGE: ['CONTAINER_IMAGE'],
};

/** Takes those settings from `.env` beside package.json where the environment does not set them. */
export function readSettingsFile() {
  const text = readOrNull(join(root, '.env'));
  if (text === null || !util.parseEnv) return;
  const values = util.parseEnv(text);
  for (const [name, older] of Object.entries(wanted)) {
    const value = [name, ...older].map((key) => values[key]).find(Boolean);
    if (value && !process.env[name]) process.env[name] = value;
  }
}
