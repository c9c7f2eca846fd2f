import { randomBytes, randomUUID } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { StartFailure } from './failure.ts';
import { masterKey } from './rules.ts';

/** The key that stored secrets are encrypted with; made at the first start. */
export function loadMasterKey(folder: string): string {
  const file = join(folder, 'master.key');
  const key = masterKey.read(keptText(file, () => randomBytes(32).toString('hex')));
  if (!key) throw new StartFailure(`${file} does not hold ${masterKey.words}. Put the right key back, or set DESKHAND_MASTER_KEY; without it stored secrets cannot be read.`);
  return key;
}

/** The model gateway's key where the operator set none. */
export function loadGatewayKey(folder: string): string {
  return keptText(join(folder, 'llm-gateway.key'), () => `sk-${randomBytes(24).toString('base64url')}`);
}

/** Tells this installation's containers from those of others on the same engine. */
export function loadInstallationId(folder: string): string {
  return keptText(join(folder, 'installation-id'), randomUUID);
}

/** Content of a private file; made with `make` when absent, whole or not at all. */
export function keptText(file: string, make: () => string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const text = make();
  const temporary = `${file}.${process.pid}`;
  writeFileSync(temporary, `${text}\n`, { mode: 0o600, flush: true });
  renameSync(temporary, file);
  return text;
}
