import { randomUUID } from 'node:crypto';
import { closeSync, openSync, readdirSync, readSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { picturePart, type CallResult, type ComputerAnswer } from '../formats.ts';
import { folder } from './places.ts';

type KeptImages = Extract<ComputerAnswer, { type: 'result' }>['images'];

const ending = '.picture';
const keptMs = 600_000;

/** Puts the pictures of a result where `picturePartOf` finds them for ten minutes. */
export function keepPictures(images: CallResult['images']): KeptImages {
  if (images.length === 0) return [];
  for (const name of readdirSync(folder)) {
    const file = join(folder, name);
    if (name.endsWith(ending) && Date.now() - (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0) > keptMs) rmSync(file, { force: true });
  }
  return images.map(({ media_type, bytes }) => {
    const file = join(folder, `${randomUUID()}${ending}`);
    writeFileSync(file, bytes, { mode: 0o600 });
    return { media_type, size: bytes.length, file };
  });
}

/** The `n`-th part of a kept picture, as base64. */
export function picturePartOf(file: string, n: number): string {
  const bytes = Buffer.alloc(picturePart);
  const opened = openSync(file, 'r');
  try {
    return bytes.subarray(0, readSync(opened, bytes, 0, picturePart, n * picturePart)).toString('base64');
  } finally {
    closeSync(opened);
  }
}
