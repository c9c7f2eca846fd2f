import type { ImageType } from '@deskhand/mcp';

export interface PictureSize {
  width: number;
  height: number;
}

/** Width and height as a picture's own head says them; null when it is not of that type. Nothing is decoded. */
export function pictureSize(type: ImageType, bytes: Buffer): PictureSize | null {
  const size = bytes.length < 30 ? null : readers[type](bytes);
  return size !== null && size.width > 0 && size.height > 0 && size.width <= 20_000 && size.height <= 20_000 ? size : null;
}

const readers: Readonly<Record<ImageType, (bytes: Buffer) => PictureSize | null>> = {
  'image/png': (bytes) => (bytes.readUInt32BE(0) === 0x89504e47 && bytes.toString('latin1', 12, 16) === 'IHDR' ? { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) } : null),
  'image/gif': (bytes) => (bytes.toString('latin1', 0, 4) === 'GIF8' ? { width: bytes.readUInt16LE(6), height: bytes.readUInt16LE(8) } : null),
  'image/jpeg': jpegSize,
  'image/webp': webpSize,
};

/** Walks the segments to the one that begins a frame. */
function jpegSize(bytes: Buffer): PictureSize | null {
  if (bytes.readUInt16BE(0) !== 0xffd8) return null;
  for (let at = 2; at + 9 < bytes.length; ) {
    const marker = bytes[at + 1] ?? 0;
    if (bytes[at] !== 0xff) return null;
    const frame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
    if (frame) return { height: bytes.readUInt16BE(at + 5), width: bytes.readUInt16BE(at + 7) };
    at += 2 + Math.max(2, bytes.readUInt16BE(at + 2));
  }
  return null;
}

function webpSize(bytes: Buffer): PictureSize | null {
  if (bytes.toString('latin1', 0, 4) !== 'RIFF' || bytes.toString('latin1', 8, 12) !== 'WEBP') return null;
  switch (bytes.toString('latin1', 12, 16)) {
    case 'VP8 ': return { width: bytes.readUInt16LE(26) & 0x3fff, height: bytes.readUInt16LE(28) & 0x3fff };
    case 'VP8L': return { width: (bytes.readUInt32LE(21) & 0x3fff) + 1, height: ((bytes.readUInt32LE(21) >> 14) & 0x3fff) + 1 };
    case 'VP8X': return { width: bytes.readUIntLE(24, 3) + 1, height: bytes.readUIntLE(27, 3) + 1 };
    default: return null;
  }
}
