import { describe, expect, it } from 'vitest';
import { BudgetLedger, nothing, type BudgetLeases } from './budget-ledger.ts';

/** A database that grants slices late, as one does that others use too. */
function bank(max: number): BudgetLeases & { leased: number; asked: number } {
  return {
    leased: 0, asked: 0,
    async lease(_, least, wanted) {
      this.asked++;
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 3));
      const free = max - this.leased;
      const granted = free + nothing < least ? 0 : Math.min(wanted, free);
      this.leased += granted;
      return { granted, left: max - this.leased, windowEnd: null };
    },
    async giveBack(_, amount) {
      this.leased -= amount;
    },
  };
}

describe('money that is set aside before it is spent (LLM-5)', () => {
  it('is never more than there is, with two instances and 200 callers', async () => {
    const shared = bank(1);
    const ledgers = [new BudgetLedger(shared), new BudgetLedger(shared)];
    let spent = 0;
    const calls = await Promise.allSettled(Array.from({ length: 200 }, async (_, index) => {
      const ledger = ledgers[index % 2]!;
      const reservation = await ledger.reserve([{ id: 'b', max: 1 }], 0.02);
      await new Promise((resolve) => setTimeout(resolve, 1));
      const actual = 0.005 + Math.random() * 0.015;
      spent += actual;
      ledger.settle(reservation, actual);
    }));
    expect(spent).toBeLessThanOrEqual(1);
    expect(spent).toBeGreaterThan(0.5);
    expect(calls.some(({ status }) => status === 'rejected')).toBe(true);
    for (const call of calls) if (call.status === 'rejected') expect(call.reason).toMatchObject({ code: 'budget_exceeded', message: expect.stringMatching(/\$0[\d.]* of \$1 is left/) as string });
  });

  it('gives back what it does not need when a budget is changed, and keeps what calls at work may cost', async () => {
    const shared = bank(1);
    const ledger = new BudgetLedger(shared);
    const done = await ledger.reserve([{ id: 'b', max: 1 }], 0.6);
    ledger.settle(done, 0.1);
    const atWork = await ledger.reserve([{ id: 'b', max: 1 }], 0.2);
    await ledger.forget('b');
    expect(shared.leased).toBeCloseTo(0.3, 9);
    ledger.settle(atWork, 0.05);
    await ledger.forget('b');
    expect(shared.leased).toBeCloseTo(0.15, 9);
    await ledger.reserve([{ id: 'b', max: 1 }], 0.8);
    await expect((async () => ledger.reserve([{ id: 'b', max: 1 }], 0.1))()).rejects.toMatchObject({ code: 'budget_exceeded' });
  });

  it('gives back what nobody needed for a while, and no more', async () => {
    const shared = bank(1);
    const ledger = new BudgetLedger(shared);
    ledger.settle(await ledger.reserve([{ id: 'b', max: 1 }], 0.6), 0.1);
    await ledger.giveBackIdle();
    // Until now it was needed.
    expect(shared.leased).toBeCloseTo(0.6, 9);
    ledger.settle(await ledger.reserve([{ id: 'b', max: 1 }], 0.2), 0);
    await ledger.giveBackIdle();
    expect(shared.leased).toBeCloseTo(0.3, 9);
    await ledger.giveBackIdle();
    expect(shared.leased).toBeCloseTo(0.1, 9);
    await ledger.giveBackIdle();
    expect(shared.leased).toBeCloseTo(0.1, 9);
  });

  it('asks the database seldom', async () => {
    const shared = bank(100);
    const ledger = new BudgetLedger(shared);
    for (let index = 0; index < 1_000; index++) ledger.settle(await ledger.reserve([{ id: 'b', max: 100 }], 0.01), 0.01);
    expect(shared.asked).toBeLessThanOrEqual(6);
  });

  it('takes from all budgets of a call or from none', async () => {
    const leases: BudgetLeases = { giveBack: async () => {}, lease: async (id, least, wanted) => (id === 'empty' ? { granted: 0, left: 0, windowEnd: null } : { granted: Math.max(least, wanted), left: 0, windowEnd: null }) };
    const ledger = new BudgetLedger(leases);
    await expect(ledger.reserve([{ id: 'full', max: 1 }, { id: 'empty', max: 1 }], 0.5)).rejects.toMatchObject({ code: 'budget_exceeded' });
    expect(await ledger.reserve([{ id: 'full', max: 1 }], 0.5)).toMatchObject({ amount: 0.5 });
  });

  it('begins anew with its window', async () => {
    let now = 0;
    let asked = 0;
    const ledger = new BudgetLedger({ giveBack: async () => {}, lease: async (_, least) => ({ granted: asked++ < 2 ? least : 0, left: 0, windowEnd: 1_000 + now }) }, () => now);
    const first = await ledger.reserve([{ id: 'b', max: 1 }], 1);
    now = 1_500;
    // What was set aside before the window's end gives nothing back to the new one.
    ledger.settle(first, 0);
    await ledger.reserve([{ id: 'b', max: 1 }], 1);
    await expect(ledger.reserve([{ id: 'b', max: 1 }], 1)).rejects.toMatchObject({ code: 'budget_exceeded' });
  });

  it('keeps nothing of a window that another instance has ended, and nothing that comes too late for its own', async () => {
    let [now, windowEnd, held, left] = [0, 1_000, 0, 1];
    const lease: BudgetLeases['lease'] = async (_, least, wanted) => {
      const isFirst = held === 0;
      const granted = left < least ? 0 : Math.min(left, wanted);
      held += granted;
      left -= granted;
      return { granted, left, windowEnd, isFirst };
    };
    const reserve = async (ledger: BudgetLedger, amount: number) => ledger.reserve([{ id: 'b', max: 1 }], amount);
    const ledger = new BudgetLedger({ giveBack: async () => {}, lease }, () => now);
    const atWork = await reserve(ledger, 0.01);
    // By the other's clock, which is ahead.
    [windowEnd, held, left] = [2_000, 0, 1];
    const next = await reserve(ledger, 0.5);
    ledger.settle(atWork, 0);
    await reserve(ledger, 0.5);
    ledger.settle(next, 0.4);
    await expect(reserve(ledger, 0.2)).rejects.toMatchObject({ message: expect.stringContaining('$0.1 of $1 is left') as string });
    [now, left] = [2_000, 1];
    await expect(reserve(ledger, 0.1)).rejects.toMatchObject({ code: 'budget_exceeded' });
  });

  it('gives back what it leased of a budget that was larger', async () => {
    const shared = bank(100);
    const ledger = new BudgetLedger(shared);
    ledger.settle(await ledger.reserve([{ id: 'b', max: 100 }], 0.1), 0);
    expect(shared.leased).toBe(2);
    await ledger.reserve([{ id: 'b', max: 0.1 }], 0.1);
    expect(shared.leased).toBeCloseTo(0.1, 9);
  });

  it('is there to the last of it, whatever tenths are to a computer', async () => {
    const shared = bank(0.3);
    const ledger = new BudgetLedger(shared);
    for (let calls = 0; calls < 3; calls++) ledger.settle(await ledger.reserve([{ id: 'b', max: 0.3 }], 0.1), 0.1);
    await expect((async () => ledger.reserve([{ id: 'b', max: 0.3 }], 0.1))()).rejects.toMatchObject({ code: 'budget_exceeded' });
  });

  it('refuses no small call because many large ones are refused before it', async () => {
    const ledger = new BudgetLedger(bank(1));
    const large = Array.from({ length: 100 }, async () => ledger.reserve([{ id: 'b', max: 1 }], 2));
    const small = (async () => ledger.reserve([{ id: 'b', max: 1 }], 0.5))();
    expect((await Promise.allSettled(large)).every(({ status }) => status === 'rejected')).toBe(true);
    expect(await small).toMatchObject({ amount: 0.5 });
  });
});
