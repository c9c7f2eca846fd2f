import { budgetExceeded, WireError } from '../wire/wire-format.ts';

/** A budget as a call needs to know it. Amounts are US dollars. */
export interface Budget {
  id: string;
  max: number;
  /** The only model that it is for. */
  model?: string;
}

export interface Lease {
  granted: number;
  left: number;
  windowEnd: number | null;
  isFirst?: boolean;
}

/** What the ledger asks of the database. */
export interface BudgetLeases {
  /**
   * Leases at least `least` and at most `wanted` of what is neither spent nor leased; less than `least` means that there is not more.
   * `left` is what nobody holds after that. `windowEnd` is when the budget begins anew, Unix milliseconds, null: never. `isFirst`: this
   * instance held nothing of it before, or of a window that is over by now.
   */
  lease(budgetId: string, least: number, wanted: number): Promise<Lease>;
  /** What was leased here and is not needed any more. */
  giveBack(budgetId: string, amount: number): Promise<void>;
}

/** Money set aside for one call, in each of its budgets. */
export interface Reservation {
  budgets: readonly { id: string; epoch: number }[];
  amount: number;
}

interface Slice {
  /** The budget's maximum when it was last asked for. */
  max: number;
  /** Leased by this instance and not set aside for a call. May be below zero when a call cost more than was thought. */
  available: number;
  windowEnd: number | null;
  /** Grows when the window begins anew: what was set aside before belongs to no slice any more. */
  epoch: number;
  refilling: Promise<void> | null;
  /** The least that was available since `giveBackIdle` looked last: nobody here needed that much. */
  idle: number;
}

/** US dollars. Amounts smaller than this are rounding: what is left of three tenths after two is less than a tenth by as little. */
export const nothing = 1e-12;
/** Share of a budget that is leased at once, so that most calls ask nobody. */
const sliceShare = 0.02;
/** So many slices are all there is, unless some of it comes back meanwhile. */
const mostAsked = 50;

/**
 * The money of budgets as this instance sees it: leased from the database in slices, set aside before a call and settled after it.
 * What is leased counts as spent for everybody else, so budgets hold with any number of instances, and when one dies.
 */
export class BudgetLedger {
  readonly #slices = new Map<string, Slice>();

  constructor(private readonly leases: BudgetLeases, private readonly now: () => number = Date.now) {}

  /** Sets `amount` aside in all of `budgets`, or in none. A promise only where a lease must be asked for; rejects with `WireError`, saying what is left. */
  reserve(budgets: readonly Budget[], amount: number): Reservation | Promise<Reservation> {
    const slices = budgets.map((budget) => this.#sliceFor(budget));
    if (!slices.every((slice) => covers(slice, amount))) return this.#reserveAsking(budgets, amount);
    for (const slice of slices) take(slice, amount);
    return { amount, budgets: budgets.map(({ id }, index) => ({ id, epoch: slices[index]!.epoch })) };
  }

  async #reserveAsking(budgets: readonly Budget[], amount: number): Promise<Reservation> {
    const taken: { id: string; epoch: number }[] = [];
    try {
      for (const budget of budgets) taken.push(await this.#take(budget, amount));
      return { budgets: taken, amount };
    } catch (error) {
      for (const { id, epoch } of taken) this.#give(id, epoch, amount);
      throw error;
    }
  }

  /** The call is over and cost `actual`: the rest is free for others here. */
  settle({ budgets, amount }: Reservation, actual: number): void {
    for (const { id, epoch } of budgets) this.#give(id, epoch, amount - actual);
  }

  /** Gives back what is left of a budget's slice, because the budget was changed: the next call leases by what it says now. */
  async forget(id: string): Promise<void> {
    await this.#slices.get(id)?.refilling?.catch(() => undefined);
    const slice = this.#slices.get(id);
    if (slice !== undefined) await this.#giveBack(id, slice, slice.available);
  }

  /** Gives back what nobody here needed since it was called last: other instances may. */
  async giveBackIdle(): Promise<void> {
    for (const [id, slice] of this.#slices) {
      const rest = Math.min(slice.idle, slice.available);
      slice.idle = slice.available;
      if (slice.refilling === null) await this.#giveBack(id, slice, rest);
    }
  }

  async #giveBack(id: string, slice: Slice, amount: number): Promise<void> {
    if (amount <= 0) return;
    take(slice, amount);
    try {
      await this.leases.giveBack(id, amount);
    } catch (error) {
      slice.available += amount;
      throw error;
    }
  }

  async #take({ id, max }: Budget, amount: number): Promise<{ id: string; epoch: number }> {
    for (let asked = 0; ; ) {
      const slice = this.#sliceFor({ id, max });
      if (covers(slice, amount)) {
        take(slice, amount);
        return { id, epoch: slice.epoch };
      }
      if (slice.refilling !== null) await slice.refilling.catch(() => undefined);
      else {
        const missing = amount - slice.available;
        const leasing = this.leases.lease(id, missing, Math.max(missing, max * sliceShare));
        slice.refilling = leasing.then((lease) => this.#granted(id, lease)).finally(() => (slice.refilling = null));
        await slice.refilling;
        const { granted, left, windowEnd } = await leasing;
        const now = this.#sliceOf(id);
        // Others here may have been quicker to take what was leased, but not for ever.
        if ((granted < missing && !covers(now, amount)) || ++asked > mostAsked) throw exceeded(id, max, left + Math.max(0, now.available), amount, windowEnd);
      }
    }
  }

  #granted(id: string, { granted, windowEnd, isFirst = false }: Lease): void {
    // The window that it is of may have ended on its way here.
    if (windowEnd !== null && windowEnd <= this.now()) return;
    const slice = isFirst ? this.#beginAnew(id) : this.#sliceOf(id);
    slice.available += granted;
    slice.windowEnd = windowEnd;
  }

  #give(id: string, epoch: number, amount: number): void {
    const slice = this.#slices.get(id);
    if (slice && slice.epoch === epoch) slice.available += amount;
  }

  #sliceFor({ id, max }: Budget): Slice {
    const slice = this.#sliceOf(id);
    // What was leased of a larger budget may be more than all there is now.
    if (max < slice.max) void this.#giveBack(id, slice, slice.available).catch(() => undefined);
    slice.max = max;
    return slice;
  }

  #sliceOf(id: string): Slice {
    const known = this.#slices.get(id);
    if (known && (known.windowEnd === null || known.windowEnd > this.now())) return known;
    return this.#beginAnew(id);
  }

  /** In a new window leases begin from nothing. */
  #beginAnew(id: string): Slice {
    const slice: Slice = { max: 0, available: 0, windowEnd: null, epoch: (this.#slices.get(id)?.epoch ?? 0) + 1, refilling: null, idle: 0 };
    this.#slices.set(id, slice);
    return slice;
  }
}

const covers = ({ available }: Slice, amount: number): boolean => available + nothing >= amount;

function take(slice: Slice, amount: number): void {
  slice.available -= amount;
  slice.idle = Math.min(slice.idle, slice.available);
}

const dollars = (amount: number): string => `$${Math.max(0, amount).toFixed(6).replace(/0+$/, '').replace(/\.$/, '')}`;

const owners: Readonly<Record<string, string>> = { key: ' of this key', user: ' of this user', team: ' of this team', job: ' of this job', conversation: ' of this conversation' };

function exceeded(id: string, max: number, left: number, wanted: number, windowEnd: number | null): WireError {
  const anew = windowEnd === null ? '' : ` It begins anew on ${new Date(windowEnd).toISOString().slice(0, 16).replace('T', ' ')} UTC.`;
  return new WireError('rate-limited', `Budget has been exceeded: ${dollars(left)} of ${dollars(max)} is left${owners[id.split(':', 1)[0]!] ?? ''}${id.includes('/model ') ? ' for this model' : ''}, and this call may cost up to ${dollars(wanted)}.${anew}`, null, budgetExceeded);
}
