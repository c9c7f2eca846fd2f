import sharp, { type Sharp } from 'sharp';
import { pixelBytes } from './rfb/framebuffer.ts';

const quality = 75;

/** Pixels as a framebuffer keeps them. */
export interface Pixels {
  bytes: Buffer;
  width: number;
  height: number;
}

export interface Picture {
  bytes: Buffer;
  mediaType: 'image/jpeg' | 'image/png';
  width: number;
  height: number;
}

/** The whole screen, small enough for a model. */
export async function photograph(pixels: Pixels): Promise<Picture> {
  const bytes = await raw(pixels).removeAlpha().jpeg({ quality }).toBuffer();
  return { bytes, mediaType: 'image/jpeg', width: pixels.width, height: pixels.height };
}

/** A part of the screen, without loss, as large as it gets within the size of the whole. */
export async function enlarge(pixels: Pixels, [left, top, right, bottom]: readonly [number, number, number, number]): Promise<Picture> {
  const [width, height] = [right - left, bottom - top];
  const scale = Math.min(pixels.width / width, pixels.height / height);
  const size = { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
  const bytes = await raw(pixels).extract({ left, top, width, height }).resize({ ...size, fit: 'fill' }).removeAlpha().png().toBuffer();
  return { bytes, mediaType: 'image/png', ...size };
}

function raw({ bytes, width, height }: Pixels): Sharp {
  return sharp(bytes, { raw: { width, height, channels: pixelBytes } });
}
