import type { Image } from '@deskhand/contracts';
import type { ImageType } from '@deskhand/mcp';
import type { BlobStore, Log } from '@deskhand/platform';
import type { Pictures } from '../loop/ports.ts';
import { pictureSize } from '../mcp/picture-size.ts';

/** Pictures of one conversation, from the blob store. Those of the last request are kept, for the next one repeats most. */
export class BlobPictures implements Pictures {
  private known: ReadonlyMap<string, string> = new Map();

  constructor(private readonly blobs: BlobStore, private readonly conversationId: string, private readonly log: Log) {}

  async read(images: readonly Image[]): Promise<ReadonlyMap<string, string>> {
    const found = new Map<string, string>();
    await Promise.all(images.map(async ({ blob }) => {
      const data = this.known.get(blob) ?? (await this.load(blob));
      if (data !== null) found.set(blob, data);
    }));
    this.known = found;
    return found;
  }

  async keep(bytes: Buffer, type: ImageType): Promise<Image | null> {
    const size = pictureSize(type, bytes);
    if (size === null) return null;
    try {
      return { blob: (await this.blobs.put(this.conversationId, bytes, type)).id, media_type: type, ...size };
    } catch (error) {
      this.log.warn('A picture could not be kept', { error });
      return null;
    }
  }

  private async load(blob: string): Promise<string | null> {
    try {
      return (await this.blobs.get(this.conversationId, blob))?.bytes.toString('base64') ?? null;
    } catch (error) {
      // The model goes on without it, and is told so.
      this.log.warn('A picture could not be read', { error });
      return null;
    }
  }
}
