import sharp from 'sharp';

/** Red, green and blue of one pixel of a picture. */
export async function colourAt(picture: Uint8Array, x: number, y: number): Promise<[number, number, number]> {
  const [red = 0, green = 0, blue = 0] = await sharp(picture).extract({ left: x, top: y, width: 1, height: 1 }).removeAlpha().raw().toBuffer();
  return [red, green, blue];
}
