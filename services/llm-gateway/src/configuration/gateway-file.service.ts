import { readFileSync } from 'node:fs';
import { ConfigurationError, type Log } from '@deskhand/platform';
import { defaultRouter, type GatewayFile } from './gateway-file.ts';
import { KeyRules } from '../keys/key-rules.ts';
import { readGatewayFile } from './read-gateway-file.ts';

/** The operator's configuration file, read once at the start; what it asks for in vain is logged line by line. */
export class GatewayFileService {
  readonly file: GatewayFile;

  /** Throws `ConfigurationError`: a file that cannot be followed stops the start. */
  constructor(path: string | undefined, environment: Readonly<Record<string, string | undefined>>, log: Log) {
    this.file = path === undefined ? { models: [], router: defaultRouter, masterKey: null, keyHeader: null, maximumBodyBytes: null, alwaysUsage: false, passThrough: [], cache: null, keyRules: new KeyRules(), notes: [] } : readGatewayFile(textOf(path), environment);
    for (const note of this.file.notes) log.warn(`LITELLM_CONFIG, ${note}`);
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigurationError(`The file of LITELLM_CONFIG cannot be read: ${(error as Error).message}`);
  }
}
