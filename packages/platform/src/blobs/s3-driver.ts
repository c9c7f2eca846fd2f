import { AwsClient } from 'aws4fetch';
import type { BlobDriver, StoredBlob } from './blob-driver.ts';

export interface S3Settings {
  /** Origin of the service. */
  endpoint: string;
  region: string;
  bucket: string;
  /** Comes before every name; empty, or ends with `/`. */
  prefix: string;
  accessKey: string;
  secretKey: string;
}

const answerWithinMs = 15_000;
const retries = 3;
const removedAtOnce = 8;

/** Blobs as objects of any S3-compatible service, addressed by path. */
export class S3Driver implements BlobDriver {
  readonly #client: AwsClient;
  readonly #bucket: string;
  readonly #prefix: string;

  constructor({ endpoint, region, bucket, prefix, accessKey, secretKey }: S3Settings) {
    this.#client = new AwsClient({ accessKeyId: accessKey, secretAccessKey: secretKey, region, service: 's3', retries, initRetryMs: 100 });
    this.#bucket = `${endpoint.replace(/\/$/, '')}/${bucket}`;
    this.#prefix = prefix;
  }

  async write(folder: string, name: string, bytes: Buffer): Promise<void> {
    const body = new Uint8Array(bytes);
    await this.#ask('PUT', this.#object(folder, name), { body, headers: { 'content-type': 'application/octet-stream', 'content-length': String(body.length) } });
  }

  async read(folder: string, name: string): Promise<Buffer | null> {
    const response = await this.#ask('GET', this.#object(folder, name), { missing: true });
    return response === null ? null : Buffer.from(await response.arrayBuffer());
  }

  async list(folder: string): Promise<StoredBlob[]> {
    const prefix = `${this.#prefix}${folder}/`;
    const blobs: StoredBlob[] = [];
    for (let token: string | undefined; ;) {
      const query = new URLSearchParams({ 'list-type': '2', prefix, ...(token !== undefined && { 'continuation-token': token }) });
      const response = await this.#ask('GET', `${this.#bucket}?${query.toString()}`);
      const page = await response.text();
      for (const [, object = ''] of page.matchAll(/<Contents>(.*?)<\/Contents>/gs)) {
        blobs.push({ name: element(object, 'Key').slice(prefix.length), size: Number(element(object, 'Size')), writtenAt: Date.parse(element(object, 'LastModified')) });
      }
      if (element(page, 'IsTruncated') !== 'true') return blobs;
      token = element(page, 'NextContinuationToken');
    }
  }

  async remove(folder: string, name: string): Promise<void> {
    await this.#ask('DELETE', this.#object(folder, name), { missing: true });
  }

  async removeFolder(folder: string): Promise<void> {
    const blobs = await this.list(folder);
    for (let from = 0; from < blobs.length; from += removedAtOnce) {
      await Promise.all(blobs.slice(from, from + removedAtOnce).map(async ({ name }) => this.remove(folder, name)));
    }
  }

  #object(folder: string, name: string): string {
    return `${this.#bucket}/${this.#prefix}${folder}/${name}`;
  }

  #ask(method: string, url: string, options?: { body?: Uint8Array<ArrayBuffer>; headers?: Record<string, string> }): Promise<Response>;
  #ask(method: string, url: string, options: { missing: true }): Promise<Response | null>;
  async #ask(method: string, url: string, { missing = false, ...init }: { body?: Uint8Array<ArrayBuffer>; headers?: Record<string, string>; missing?: boolean } = {}): Promise<Response | null> {
    const response = await this.#client.fetch(url, { method, ...init, signal: AbortSignal.timeout(answerWithinMs) });
    if (response.ok) return response;
    const words = await response.text();
    if (missing && response.status === 404) return null;
    throw new Error(`The blob store answered ${method} with ${response.status} ${element(words, 'Code')} ${element(words, 'Message')}`.trim());
  }
}

const entities: Readonly<Record<string, string>> = { '&quot;': '"', '&apos;': "'", '&lt;': '<', '&gt;': '>', '&amp;': '&', '&#34;': '"', '&#39;': "'" };

/** Text of the first element of that name; S3's answers are flat enough for this. */
function element(xml: string, name: string): string {
  const text = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1] ?? '';
  return text.replace(/&(?:quot|apos|lt|gt|amp|#34|#39);/g, (entity) => entities[entity] ?? entity);
}
