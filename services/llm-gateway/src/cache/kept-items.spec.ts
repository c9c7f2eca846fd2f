import { keptItems } from '@deskhand/contracts';
import { Log } from '@deskhand/platform';
import { MemoryBus } from '@deskhand/platform/testing';
import { describe, expect, it } from 'vitest';
import { KeptItems } from './kept-items.ts';

const idOf = (number: number): string => `msg_${number.toString(16).padStart(32, '0')}`;
const said = (number: number, text = 'hello'): Record<string, unknown> => ({ id: idOf(number), type: 'message', role: 'assistant', content: [{ type: 'output_text', text }] });
const naming = (...ids: string[]): Record<string, unknown> => ({ input: [{ role: 'user', content: 'hi' }, ...ids.map((id) => ({ type: 'item_reference', id }))] });

describe('items that are named instead of sent', () => {
  const items = new KeptItems(new MemoryBus().values(keptItems), new Log());
  items.keep('key a', [said(1), said(2, 'x'.repeat(5 * 1024 * 1024)), { id: 'theirs', type: 'message' }]);

  it('are put in their places, for their owner', async () => {
    const body = naming(idOf(1), idOf(9), 'theirs', idOf(1));
    expect(await items.recall('key a', body)).toBe(true);
    expect(body.input).toEqual([{ role: 'user', content: 'hi' }, said(1), { type: 'item_reference', id: idOf(9) }, { type: 'item_reference', id: 'theirs' }, said(1)]);
    const theirs = naming(idOf(1));
    expect(await items.recall('key b', theirs)).toBe(false);
    expect(theirs).toEqual(naming(idOf(1)));
    expect(await items.recall('key a', { input: 'item_reference' })).toBe(false);
  });

  it('are no way to make a request larger than others', async () => {
    await expect(items.recall('key a', naming(idOf(2), idOf(2)))).rejects.toMatchObject({ kind: 'too-large' });
    await expect(items.recall('key a', naming(...Array.from({ length: 1_001 }, () => idOf(1))))).rejects.toMatchObject({ kind: 'bad-request' });
  });

  it('are away while what keeps them is', async () => {
    const away = async (): Promise<never> => Promise.reject(new Error('away'));
    const none = new KeptItems({ get: away, put: away, remove: away, clear: away }, new Log());
    none.keep('key a', [said(1)]);
    expect(await none.recall('key a', naming(idOf(1)))).toBe(false);
  });
});
