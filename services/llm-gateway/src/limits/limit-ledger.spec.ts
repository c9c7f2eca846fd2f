import { describe, expect, it } from 'vitest';
import type { Limit, LimitLeases, LimitPeers } from './limit.ts';
import { LimitLedger } from './limit-ledger.ts';

const minuteMs = 60_000;
const slotsMs = 10_000;
const calls: Limit = { id: 'key:a:rpm', kind: 'minute', most: 40 };
const slots: Limit = { id: 'key:a:parallel', kind: 'slots', most: 8 };

/** All instances' leases, as the database keeps them, and the clock that they share. */
class Common {
  now = 1_000;
  asked = 0;
  readonly ledgers: LimitLedger[] = [];
  readonly shares = new Map<string, { amount: number; until: number }>();

  join(count: () => number = () => this.ledgers.length - 1): LimitLedger {
    const name = String(this.ledgers.length);
    const leases: LimitLeases = {
      lease: async ({ id, kind, most }, owed, least, wanted) => {
        this.asked++;
        const until = kind === 'minute' ? (Math.floor(this.now / minuteMs) + 1) * minuteMs : this.now + slotsMs;
        let taken = 0;
        for (const [key, { amount, until: ends }] of this.shares) if (key.startsWith(`${id} `) && ends > this.now) taken += amount;
        const free = most - owed - taken;
        const granted = owed + (free >= least ? Math.max(0, Math.min(wanted, free)) : 0);
        const own = this.shares.get(`${id} ${name}`);
        this.shares.set(`${id} ${name}`, { amount: (own && own.until > this.now ? own.amount : 0) + granted, until });
        return { granted, endsInMs: until - this.now, lease: until };
      },
      giveBack: async ({ id }, lease, amount) => {
        const own = this.shares.get(`${id} ${name}`);
        if (own && (own.until === lease || id.endsWith('parallel'))) own.amount -= amount;
      },
      renew: async (ids) => {
        for (const id of ids) this.shares.get(`${id} ${name}`)!.until = this.now + slotsMs;
        return { endsInMs: slotsMs, kept: new Set(ids) };
      },
    };
    const peers: LimitPeers = {
      get count() { return count(); },
      recall: async (id) => (await Promise.all(this.ledgers.filter((other) => other !== ledger && !this.dead.has(other)).map(async (other) => other.release(id)))).reduce((sum, amount) => sum + amount, 0),
    };
    const ledger = new LimitLedger({ leases, peers, failed: (error) => { throw error; }, now: () => this.now });
    this.ledgers.push(ledger);
    return ledger;
  }

  readonly dead = new Set<LimitLedger>();
}

const takeMany = async (ledgers: readonly LimitLedger[], limit: Limit, times: number): Promise<number> => (await Promise.all(Array.from({ length: times }, async (_, index) => ledgers[index % ledgers.length]!.ask(limit, 1)))).filter(Boolean).length;

describe('a limit of all instances', () => {
  it('is leased whole by one that is alone: it asks once a minute', async () => {
    const common = new Common();
    const alone = common.join();
    expect(await takeMany([alone], calls, 100)).toBe(40);
    expect(common.asked).toBeLessThanOrEqual(3);
    expect(alone.take(calls, 1)).toBe(false);
    common.now += minuteMs;
    expect(await takeMany([alone], calls, 100)).toBe(40);
  });

  it('is never exceeded by several, and all of it can be had', async () => {
    const common = new Common();
    const three = [common.join(), common.join(), common.join()];
    expect(await takeMany(three, calls, 120)).toBe(40);
  });

  it('can be had by one all alone while the others do nothing', async () => {
    const common = new Common();
    const [one, two] = [common.join(), common.join()];
    expect(await one.ask(calls, 1)).toBe(true);
    expect(await takeMany([two], calls, 60)).toBe(39);
  });

  it('refuses cheaply: what is gone is not asked for again for a moment', async () => {
    const common = new Common();
    const two = [common.join(), common.join()];
    await takeMany(two, calls, 80);
    const { asked } = common;
    for (let index = 0; index < 1_000; index++) await two[0]!.ask(calls, 1);
    expect(common.asked - asked).toBe(0);
    common.now += 300;
    await two[0]!.ask(calls, 1);
    expect(common.asked - asked).toBeLessThan(4);
  });

  it('of slots: what ends makes room, here or there', async () => {
    const common = new Common();
    const [one, two] = [common.join(), common.join()];
    expect(await takeMany([one, two], slots, 20)).toBe(8);
    for (let index = 0; index < 4; index++) one.putBack(slots, 1);
    expect(await one.ask(slots, 1)).toBe(true);
    common.now += 300;
    expect(await takeMany([two], slots, 10)).toBe(3);
  });

  it('of slots: those of an instance that died are there for others when its lease has run out', async () => {
    const common = new Common();
    const [one, two] = [common.join(), common.join()];
    expect(await takeMany([one], slots, 8)).toBe(8);
    common.dead.add(one);
    for (let passed = 0; passed < 9_000; passed += 3_000, common.now += 3_000) {
      await two.renew();
      expect(await two.ask(slots, 1)).toBe(false);
    }
    common.now += 1_001;
    expect(await takeMany([two], slots, 10)).toBe(8);
  });

  it('of slots: an instance that slept too long takes no more than is left beside its own', async () => {
    const common = new Common();
    const [one, two] = [common.join(), common.join()];
    expect(await takeMany([one], slots, 5)).toBe(5);
    common.now += slotsMs + 1;
    expect(await takeMany([two], slots, 8)).toBe(8);
    // Its five are still at work, so there is room for none; it does not take them for its own.
    expect(await one.ask(slots, 1)).toBe(false);
    for (let index = 0; index < 8; index++) two.putBack(slots, 1);
    common.now += 300;
    expect(await takeMany([one], slots, 8)).toBe(3);
  });

  it('of slots: they are kept while they are used, and given back when they are not', async () => {
    const common = new Common();
    const one = common.join();
    expect(await one.ask(slots, 1)).toBe(true);
    for (let passed = 0; passed < 60_000; passed += 3_000, common.now += 3_000) await one.renew();
    expect(common.shares.get('key:a:parallel 0')!.until).toBeGreaterThan(common.now);
    one.putBack(slots, 1);
    for (let passed = 0; passed < 30_000; passed += 3_000, common.now += 3_000) await one.renew();
    expect(common.shares.get('key:a:parallel 0')!.amount).toBe(0);
  });

  it('counts what is known only afterwards for all of them', async () => {
    const common = new Common();
    const [one, two] = [common.join(), common.join()];
    const tokens: Limit = { id: 'key:a:tpm', kind: 'minute', most: 1_000 };
    expect(await one.ask(tokens, 1)).toBe(true);
    one.charge(tokens, 5_000);
    await expect.poll(async () => two.ask(tokens, 1)).toBe(false);
    expect(one.take(tokens, 1)).toBe(false);
    common.now += minuteMs;
    expect(await two.ask(tokens, 1)).toBe(true);
  });

  it('that was lowered holds at once', async () => {
    const alone = new Common().join();
    expect(await takeMany([alone], calls, 10)).toBe(10);
    expect(await takeMany([alone], { ...calls, most: 12 }, 10)).toBe(2);
  });
});
