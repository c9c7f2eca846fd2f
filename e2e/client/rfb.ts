import { WebSocket } from 'ws';

/** An own RFB client over WebSocket: says whatever a test wants said, keeps the picture (raw pixels only). */
export class RfbClient {
  width = 0;
  height = 0;
  /** Red, green, blue and a fourth byte a pixel. */
  picture: Buffer = Buffer.alloc(0);
  /** Bytes that came, and picture updates. */
  received = 0;
  updates = 0;
  closed: { code: number } | null = null;
  private readonly socket: WebSocket;
  private waiting: Buffer = Buffer.alloc(0);
  private wake: () => void = () => {};

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data: Buffer) => {
      this.received += data.length;
      this.waiting = this.waiting.length === 0 ? data : Buffer.concat([this.waiting, data]);
      this.wake();
    });
    socket.on('close', (code) => {
      this.closed = { code };
      this.wake();
    });
    socket.on('error', () => {});
  }

  /** Connected, greeted and told what the screen is. Rejects with the HTTP status in its words when it was refused. */
  static async open(url: string, headers: Record<string, string> = {}): Promise<RfbClient> {
    const socket = new WebSocket(url, { headers });
    const client = new RfbClient(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('open', () => resolve());
      socket.once('unexpected-response', (request, response) => {
        let body = '';
        response.on('data', (chunk: Buffer) => { body += chunk.toString(); });
        response.on('close', () => {
          request.destroy();
          reject(new Error(`refused with ${response.statusCode}: ${body}`));
        });
      });
      socket.once('error', reject);
    });
    await client.greet();
    return client;
  }

  /** Stops reading, as a client does that is stuck; what was sent to it stays on its way. */
  stall(): void {
    this.socket.pause();
  }

  say(...bytes: (Buffer | readonly number[])[]): void {
    this.socket.send(Buffer.concat(bytes.map((part) => Buffer.from(part as number[]))));
  }

  key(keysym: number): void {
    for (const down of [1, 0]) this.say([4, down, 0, 0], u32(keysym));
  }

  type(text: string): void {
    for (const letter of text) this.key(letter === '\n' ? 0xff0d : letter.codePointAt(0)!);
  }

  pointer(buttons: number, x: number, y: number): void {
    this.say([5, buttons], u16(x), u16(y));
  }

  click(x: number, y: number): void {
    for (const buttons of [0, 1, 0]) this.pointer(buttons, x, y);
  }

  request(incremental = true): void {
    this.say([3, incremental ? 1 : 0], u16(0), u16(0), u16(this.width), u16(this.height));
  }

  pixel(x: number, y: number): [number, number, number] {
    const at = (y * this.width + x) * 4;
    return [this.picture[at]!, this.picture[at + 1]!, this.picture[at + 2]!];
  }

  /** Different colours in the picture, up to some thousand. */
  colours(): number {
    const seen = new Set<number>();
    for (let at = 0; at < this.picture.length && seen.size < 5_000; at += 4) seen.add(this.picture.readUIntBE(at, 3));
    return seen.size;
  }

  close(): void {
    this.socket.terminate();
  }

  private async greet(): Promise<void> {
    await this.take(12);
    this.say(Buffer.from('RFB 003.008\n'));
    const [kinds = 0] = await this.take(1);
    await this.take(kinds);
    this.say([1]);
    if ((await this.take(4)).readUInt32BE(0) !== 0) throw new Error('The screen refused');
    this.say([1]);
    const screen = await this.take(24);
    this.width = screen.readUInt16BE(0);
    this.height = screen.readUInt16BE(2);
    await this.take(screen.readUInt32BE(20));
    this.picture = Buffer.alloc(this.width * this.height * 4);
    // Red first, one byte each; raw pixels, copies and the pointer's shape.
    this.say([0, 0, 0, 0, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 0, 8, 16, 0, 0, 0]);
    this.say([2, 0], u16(3), u32(0), u32(1), u32(-239));
    this.request(false);
    void this.read().catch(() => this.socket.terminate());
  }

  private async read(): Promise<void> {
    for (;;) {
      const [type] = await this.take(1);
      if (type === 0) await this.update();
      else if (type === 3) await this.take(Math.abs((await this.take(7)).readInt32BE(3)));
      else if (type !== 2) throw new Error(`The screen said ${type}`);
    }
  }

  private async update(): Promise<void> {
    const count = (await this.take(3)).readUInt16BE(1);
    for (let index = 0; index < count; index++) {
      const head = await this.take(12);
      const [x, y, width, height] = [0, 2, 4, 6].map((at) => head.readUInt16BE(at)) as [number, number, number, number];
      const encoding = head.readInt32BE(8);
      if (encoding === -239) await this.take(width * height * 4 + Math.ceil(width / 8) * height);
      else if (encoding === 0) this.paint(x, y, width, height, await this.take(width * height * 4));
      else if (encoding === 1) {
        const from = await this.take(4);
        this.paint(x, y, width, height, this.part(from.readUInt16BE(0), from.readUInt16BE(2), width, height));
      } else throw new Error(`Encoding ${encoding} was not asked for`);
    }
    this.updates++;
    this.request();
  }

  private part(x: number, y: number, width: number, height: number): Buffer {
    return Buffer.concat(Array.from({ length: height }, (_, row) => Buffer.from(this.picture.subarray(((y + row) * this.width + x) * 4, ((y + row) * this.width + x + width) * 4))));
  }

  private paint(x: number, y: number, width: number, height: number, pixels: Buffer): void {
    for (let row = 0; row < height; row++) pixels.copy(this.picture, ((y + row) * this.width + x) * 4, row * width * 4, (row + 1) * width * 4);
  }

  private async take(length: number): Promise<Buffer> {
    while (this.waiting.length < length) {
      if (this.closed) throw new Error('The connection ended');
      await new Promise<void>((resolve) => { this.wake = resolve; });
    }
    const bytes = this.waiting.subarray(0, length);
    this.waiting = this.waiting.subarray(length);
    return bytes;
  }
}

export const u16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
};

export const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value | 0);
  return bytes;
};
