export interface Rectangle {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Bytes of a pixel: red, green, blue and one of no meaning. */
export const pixelBytes = 4;

/** A copy of what a screen shows. */
export class Framebuffer {
  readonly pixels: Buffer;

  constructor(readonly width: number, readonly height: number) {
    this.pixels = Buffer.alloc(width * height * pixelBytes);
  }

  /** `bytes` hold the rectangle's rows, one behind the other. Throws on one that is not within the screen. */
  put(rectangle: Rectangle, bytes: Buffer): void {
    this.#check(rectangle);
    const line = rectangle.width * pixelBytes;
    for (let row = 0; row < rectangle.height; row++) bytes.copy(this.pixels, this.#at(rectangle.x, rectangle.y + row), row * line, (row + 1) * line);
  }

  /** Moves what is at `x, y` to the rectangle; the two may overlap. */
  copy(rectangle: Rectangle, x: number, y: number): void {
    this.#check({ ...rectangle, x, y });
    const line = rectangle.width * pixelBytes;
    const moved = Buffer.allocUnsafe(line * rectangle.height);
    for (let row = 0; row < rectangle.height; row++) this.pixels.copy(moved, row * line, this.#at(x, y + row), this.#at(x, y + row) + line);
    this.put(rectangle, moved);
  }

  #check({ x, y, width, height }: Rectangle): void {
    if (x + width > this.width || y + height > this.height) throw new RangeError('The screen sent a rectangle outside of itself');
  }

  #at(x: number, y: number): number {
    return (y * this.width + x) * pixelBytes;
  }
}

/** What the pointer looks like; drawn over the pixels by whoever shows them. */
export interface Cursor {
  width: number;
  height: number;
  /** The pixel of it that points. */
  hotX: number;
  hotY: number;
  pixels: Buffer;
  /** One bit a pixel, rows padded to bytes, the first pixel in the highest bit: whether it is drawn. */
  mask: Buffer;
}

/** The pixels with the pointer at this place, as a new buffer. */
export function withCursor(screen: Framebuffer, cursor: Cursor | null, at: { x: number; y: number }): Buffer {
  const drawn = Buffer.from(screen.pixels);
  if (!cursor) return drawn;
  const maskLine = Math.ceil(cursor.width / 8);
  for (let row = 0; row < cursor.height; row++) {
    for (let column = 0; column < cursor.width; column++) {
      const x = at.x - cursor.hotX + column;
      const y = at.y - cursor.hotY + row;
      const shown = (cursor.mask[row * maskLine + (column >> 3)]! >> (7 - (column & 7))) & 1;
      if (!shown || x < 0 || y < 0 || x >= screen.width || y >= screen.height) continue;
      cursor.pixels.copy(drawn, (y * screen.width + x) * pixelBytes, (row * cursor.width + column) * pixelBytes, (row * cursor.width + column + 1) * pixelBytes);
    }
  }
  return drawn;
}
