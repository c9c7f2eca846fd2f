import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';

export interface AwsCredentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

type Bytes = string | ArrayBuffer | ArrayBufferView;

/** SHA-256 of Node's own, in the shape the signer asks for. */
class Sha256 {
  private readonly hash: Hash | Hmac;

  constructor(secret?: Bytes) {
    this.hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(secret));
  }

  update(data: Bytes): void {
    this.hash.update(bytesOf(data));
  }

  async digest(): Promise<Uint8Array> {
    return this.hash.digest();
  }

  reset(): void {
    throw new Error('A hash here is used once');
  }
}

function bytesOf(data: Bytes): string | Uint8Array {
  if (typeof data === 'string') return data;
  return ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array(data);
}

/** Signs a POST for one service and region. Resolves with the headers to send, all of which are signed. */
export function awsSigner(credentials: AwsCredentials, region: string, service: string): (origin: string, path: string, headers: Record<string, string>, body: Buffer) => Promise<Record<string, string>> {
  const signer = new SignatureV4({ credentials, region, service, sha256: Sha256 });
  return async (origin, path, headers, body) => {
    const url = new URL(origin);
    const signed = await signer.sign({ method: 'POST', protocol: url.protocol, hostname: url.hostname, ...(url.port !== '' && { port: Number(url.port) }), path, headers: { ...headers, host: url.host }, body, query: {} });
    const { host: _, ...sent } = signed.headers;
    return sent;
  };
}
