import { isAbsolute } from 'node:path';
import { ConfigurationError } from '../configuration.ts';
import { BlobStore } from './blob-store.ts';
import { FolderDriver } from './folder-driver.ts';

export interface BlobStoreSettings {
  /** `file:/absolute/folder`, or `s3://bucket/prefix?endpoint=https://…&region=…` for any S3-compatible service. */
  BLOB_STORE?: string | undefined;
  BLOB_KEY?: string | undefined;
  BLOB_ACCESS_KEY?: string | undefined;
  BLOB_SECRET_KEY?: string | undefined;
}

/** The blob store that the settings name; null when they name none. */
export async function openBlobStore({ BLOB_STORE, BLOB_KEY, BLOB_ACCESS_KEY, BLOB_SECRET_KEY }: BlobStoreSettings): Promise<BlobStore | null> {
  if (BLOB_STORE === undefined) return null;
  if (BLOB_KEY === undefined) throw new ConfigurationError('BLOB_KEY is needed with BLOB_STORE');
  if (BLOB_STORE.startsWith('file:')) {
    const folder = BLOB_STORE.slice('file:'.length);
    if (!isAbsolute(folder)) throw new ConfigurationError('BLOB_STORE must name an absolute folder');
    return new BlobStore(new FolderDriver(folder), BLOB_KEY);
  }
  const url = URL.canParse(BLOB_STORE) ? new URL(BLOB_STORE) : null;
  const endpoint = url?.searchParams.get('endpoint');
  if (url?.protocol !== 's3:' || !endpoint) throw new ConfigurationError('BLOB_STORE must be file:/folder or s3://bucket/prefix?endpoint=…');
  if (!BLOB_ACCESS_KEY || !BLOB_SECRET_KEY) throw new ConfigurationError('BLOB_ACCESS_KEY and BLOB_SECRET_KEY are needed with an S3 service');
  const { S3Driver } = await import('./s3-driver.ts');
  const path = url.pathname.replace(/^\/+|\/+$/g, '');
  const driver = new S3Driver({
    endpoint, bucket: url.hostname, prefix: path === '' ? '' : `${path}/`, region: url.searchParams.get('region') ?? 'us-east-1', accessKey: BLOB_ACCESS_KEY, secretKey: BLOB_SECRET_KEY,
  });
  return new BlobStore(driver, BLOB_KEY);
}
