/** Where sealed bytes are kept. Names are hexadecimal, made by `BlobStore`; a driver never sees what they stand for. */
export interface BlobDriver {
  /** Whole or not at all, on disk when it resolves; what was there under this name is replaced. */
  write(folder: string, name: string, bytes: Buffer): Promise<void>;
  read(folder: string, name: string): Promise<Buffer | null>;
  list(folder: string): Promise<StoredBlob[]>;
  /** Removing what is not there is fine. */
  remove(folder: string, name: string): Promise<void>;
  removeFolder(folder: string): Promise<void>;
}

export interface StoredBlob {
  name: string;
  size: number;
  /** Milliseconds of the epoch. */
  writtenAt: number;
}
