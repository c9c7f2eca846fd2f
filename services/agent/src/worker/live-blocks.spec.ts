import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { LiveBlocks, type Delta } from './live-blocks.ts';
import { UnsavedWords } from './unsaved-words.ts';

type Part = { block: string; attempt: number; offset: number; text: string };

/** Saved text as `conversations` keeps it: appends only where the text ends, and says where that is. */
class Saved {
  readonly texts = new Map<string, string>();
  fail = 0;
  loseAnswer = 0;
  parts: Part[][] = [];

  readonly checkpoint = async (parts: Part[]) => {
    if (this.fail-- > 0) throw new Error('away');
    this.parts.push(parts);
    const behind: { block: string; length: number }[] = [];
    for (const part of parts) {
      const text = this.texts.get(part.block) ?? '';
      if (part.offset > text.length) behind.push({ block: part.block, length: text.length });
      else this.texts.set(part.block, text + part.text.slice(text.length - part.offset));
    }
    if (this.loseAnswer-- > 0) throw new Error('lost');
    return { behind };
  };
}

const identity = { run_id: 'run', epoch: 1, user_id: 'u', conversation_id: 'c' };
const facts = { block: 'b', attempt: 100, kind: 'text' } as const;
const joined = (deltas: Delta[]) => deltas.reduce((text, delta) => { expect(delta.offset).toBe(text.length); return text + delta.text; }, '');

function make(now?: () => number) {
  const deltas: Delta[] = [];
  const saved = new Saved();
  const live = new LiveBlocks((_, delta) => deltas.push(delta), saved.checkpoint, now);
  return { deltas, saved, live, block: live.of(identity).open(facts) };
}

describe('growing blocks', () => {
  it('show and save the same text, whole characters only, however it is cut and whatever is lost', async () => {
    await fc.assert(fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 300 }), fc.array(fc.nat(300)), fc.array(fc.constantFrom('save', 'fail', 'lose', 'none'), { maxLength: 30 }), async (text, places, acts) => {
      const { deltas, saved, live, block } = make();
      const cuts = [0, ...places.map((place) => Math.min(place, text.length)).sort((a, b) => a - b), text.length];
      for (let index = 1; index < cuts.length; index++) {
        block.append(text.slice(cuts[index - 1], cuts[index]));
        const act = acts[index];
        if (act === 'fail') saved.fail = 1;
        if (act === 'lose') saved.loseAnswer = 1;
        if (act !== undefined && act !== 'none') await live.save();
      }
      expect(block.finish()).toBe(text.toWellFormed());
      saved.fail = 0;
      saved.loseAnswer = 0;
      await live.save();
      expect(joined(deltas)).toBe(text.toWellFormed());
      expect(saved.texts.get('b') ?? '').toBe(text.toWellFormed());
      for (const delta of deltas) expect(delta.text.isWellFormed()).toBe(true);
      live.drop('run');
    }), { numRuns: 100 });
  });

  it('are shown at once, and together only when they come faster than anybody reads', () => {
    vi.useFakeTimers();
    try {
      let time = 0;
      const { deltas, block } = make(() => time);
      block.append('a');
      time = 5;
      block.append('b');
      expect(deltas.map(({ text }) => text)).toEqual(['a', 'b']);
      block.append('c');
      time = 7;
      block.append('d');
      expect(deltas).toHaveLength(2);
      time = 21;
      vi.advanceTimersByTime(16);
      expect(deltas.map(({ text }) => text)).toEqual(['a', 'b', 'cd']);
    } finally {
      vi.useRealTimers();
    }
  });

  it('are saved again from where the saved text really ends', async () => {
    const { saved, live, block } = make();
    block.append('one');
    await live.save();
    saved.texts.delete('b');
    block.append(' two');
    await live.save();
    expect(saved.texts.get('b')).toBe('one two');
  });

  it('are saved in requests of bounded size', async () => {
    const { saved, live, block } = make();
    block.append('x'.repeat(250_000));
    await live.save();
    expect(saved.texts.get('b')).toHaveLength(250_000);
    for (const parts of saved.parts) expect(parts.reduce((sum, { text }) => sum + text.length, 0)).toBeLessThanOrEqual(100_001);
  });

  it('leave to the next save what came while one was at work', async () => {
    const saved = new Saved();
    const live = new LiveBlocks(() => {}, async (parts) => {
      if (saved.parts.length < 3) block.append(' more');
      return saved.checkpoint(parts);
    });
    const block = live.of(identity).open(facts);
    block.append('first');
    await live.save();
    expect(saved.texts.get('b')).toBe('first');
    await live.save();
    expect(saved.texts.get('b')).toBe('first more');
    expect(saved.parts).toHaveLength(2);
  });

  it('are gone with their run: nothing of it is shown or saved any more', async () => {
    const { deltas, saved, live, block } = make();
    block.append('a');
    expect(live.read('run')).toEqual([{ run_id: 'run', ...facts, text: 'a' }]);
    live.drop('run');
    block.append('b');
    expect(block.finish()).toBe('a');
    await live.save();
    expect(live.read('run')).toBeNull();
    expect(joined(deltas)).toBe('a');
    expect(saved.parts).toEqual([]);
  });
});

describe('words that nobody could save', () => {
  it('are kept for the next worker while nobody answers, and no longer', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'unsaved-'));
    try {
      const file = join(folder, 'words.json');
      const saved = new Saved();
      const live = new LiveBlocks(() => {}, saved.checkpoint, undefined, new UnsavedWords(file, 'first'));
      const [long, short] = [live.of(identity).open(facts), live.of(identity).open({ ...facts, block: 'c' })];
      long.append('x'.repeat(150_000));
      saved.fail = 2;
      await live.save();
      expect(existsSync(file)).toBe(false);
      short.append('shown');
      await live.save();
      const left = new UnsavedWords(file, 'second').left();
      expect(left.map(({ worker_id, blocks }) => [worker_id, ...blocks.map(({ block, offset, text }) => [block, offset, text.length])])).toEqual([['first', ['b', 0, 100_000]], ['first', ['b', 100_000, 50_000]], ['first', ['c', 0, 5]]]);
      live.of(identity).close('c');
      expect(new UnsavedWords(file, 'second').left()).toHaveLength(2);
      await live.save();
      expect(existsSync(file)).toBe(false);
      expect(saved.texts.get('b')).toHaveLength(150_000);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('are let go of by the first save that went well, though more words came meanwhile', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'unsaved-'));
    try {
      const file = join(folder, 'words.json');
      const saved = new Saved();
      const live = new LiveBlocks(() => {}, async (parts) => { block.append(' more'); return saved.checkpoint(parts); }, undefined, new UnsavedWords(file, 'first'));
      const block = live.of(identity).open(facts);
      block.append('words');
      saved.fail = 1;
      await live.save();
      const [first, second] = [live.save(), live.save()];
      await Promise.resolve();
      expect(existsSync(file)).toBe(true);
      await Promise.all([first, second]);
      expect([existsSync(file), saved.texts.get('b')]).toEqual([false, 'words more']);
      await live.save();
      expect([existsSync(file), saved.texts.get('b')]).toEqual([false, 'words more more']);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('are kept while a save does not come to its end, however often one is asked for', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'unsaved-'));
    try {
      const file = join(folder, 'words.json');
      let answer = (_: { behind: [] }) => {};
      let asked = 0;
      const live = new LiveBlocks(() => {}, async () => new Promise((resolve) => { asked += 1; answer = resolve; }), undefined, new UnsavedWords(file, 'first'));
      const block = live.of(identity).open(facts);
      block.append('one');
      const first = live.save();
      await Promise.resolve();
      block.append(' two');
      const later = [live.save(), live.save(), live.save()];
      expect(new UnsavedWords(file, 'second').left()).toMatchObject([{ blocks: [{ offset: 0, text: 'one two' }] }]);
      answer({ behind: [] });
      await vi.waitFor(() => expect(asked).toBe(2));
      answer({ behind: [] });
      await Promise.all([first, ...later]);
      expect(asked).toBe(2);
      expect(existsSync(file)).toBe(false);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
