import { createHash } from 'node:crypto';
import type { Log, SharedValues } from '@deskhand/platform';
import { isRecord } from '../wire/token-usage.ts';
import { WireError } from '../wire/wire-format.ts';

type Item = Readonly<Record<string, unknown>>;

/** Ids that translated responses give to their items: of all others only a vendor knows what they stand for. */
const ownId = /^[a-z]+_[0-9a-f]{32}$/;
/** What one request may name, and how much that may be together. */
const mostNamed = 1_000;
const mostBytes = 8 * 1024 * 1024;
/** Values that are asked for at once. */
const atOnce = 32;

/**
 * What translated responses said, item by item, for a while. OpenAI keeps responses unless a client says otherwise, and clients that
 * count on it name what a model said in their next request instead of repeating it.
 */
export class KeptItems {
  constructor(private readonly values: SharedValues, private readonly log: Log) {}

  /** For their owner only. Never fails: an item that is lost is one that has to be sent whole. */
  keep(owner: string, items: readonly Item[]): void {
    for (const item of items) {
      if (typeof item.id !== 'string' || !ownId.test(item.id)) continue;
      this.values.put(keyOf(owner, item.id), { bytes: Buffer.from(JSON.stringify(item)), fields: {} }).catch((error: unknown) => this.log.warn('What a response said cannot be kept at the moment', { error }));
    }
  }

  /** Puts items in the places where a request names them; whether there were any. What is not here stays as it is. Throws `WireError` for what would be too much. */
  async recall(owner: string, body: Record<string, unknown>): Promise<boolean> {
    const { input } = body;
    if (!Array.isArray(input)) return false;
    const named = (input as unknown[]).flatMap((item, index) => (isRecord(item) && item.type === 'item_reference' && typeof item.id === 'string' && ownId.test(item.id) ? [{ index, id: item.id }] : []));
    if (named.length > mostNamed) throw new WireError('bad-request', `More than ${mostNamed} items are named and not sent.`, 'input');
    const whole = [...(input as unknown[])];
    let left = mostBytes;
    let recalled = false;
    for (let from = 0; from < named.length; from += atOnce) {
      const some = named.slice(from, from + atOnce);
      const found = await Promise.all(some.map(async ({ id }) => this.values.get(keyOf(owner, id)).catch(() => null)));
      for (const [place, value] of found.entries()) {
        if (value === null) continue;
        left -= value.bytes.length;
        if (left < 0) throw new WireError('too-large', `The items that are named and not sent have more than ${mostBytes} bytes together.`, 'input');
        whole[some[place]!.index] = JSON.parse(Buffer.from(value.bytes).toString('utf8')) as unknown;
        recalled = true;
      }
    }
    if (recalled) body.input = whole;
    return recalled;
  }
}

const keyOf = (owner: string, id: string): string => createHash('sha256').update(JSON.stringify([owner, id])).digest('hex');
