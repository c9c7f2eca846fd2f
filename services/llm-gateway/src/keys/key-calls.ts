import { after } from '../after.ts';
import type { BudgetLedger, Reservation } from '../budgets/budget-ledger.ts';
import { countsFor } from '../budgets/model-budgets.ts';
import { mostExpensive, type PricedPlace } from '../budgets/most-expensive.ts';
import { answersOf, inputOf, mayKeepForAnHour, outputOf, pictureTokensAt } from '../budgets/reserved-tokens.ts';
import { askedModel, groupOf, type RouteName } from '../providers/route.ts';
import type { RoutesService } from '../providers/routes.service.ts';
import type { Reachable } from '../routing/router.ts';
import type { EndedCall } from '../usage/model-call.ts';
import type { PriceTable } from '../usage/price-table.ts';
import { inputTokens } from '../wire/token-usage.ts';
import { leastOutput } from '../wire/translate/responses/write-request.ts';
import { WireError } from '../wire/wire-format.ts';
import type { CallLimits, Left } from './call-limits.ts';
import { isRunHolder } from './run-holder.ts';
import type { VirtualKey } from './virtual-keys.ts';

/** The output that a call under a budget may have when it states no limit of its own; an agent writes whole files. */
export const cappedOutput = 4_096;
const cappedOutputOfRuns = 16_384;

interface Held {
  reservation: Reservation | null;
  /** Tokens to which the output is to be held; null: as the client says. */
  outputLimit: number | null;
}

const nothingHeld: Held = { reservation: null, outputLimit: null };

/** What a virtual key's call has been given: it is counted out when the call is over. */
export class KeyCall {
  readonly outputLimit: number | null;
  private readonly reservation: Reservation | null;
  private over = false;

  constructor(held: Held, private readonly countOut: (tokens: number) => void, private readonly settle: (reservation: Reservation, call: EndedCall | null) => void) {
    this.outputLimit = held.outputLimit;
    this.reservation = held.reservation;
  }

  /** US dollars set aside; 0 of a key without a budget. */
  get reserved(): number {
    return this.reservation?.amount ?? 0;
  }

  /** The call was made and is over. */
  ended(call: EndedCall): void {
    this.close(inputTokens(call.row) + call.row.output, call);
  }

  /** It was never made. */
  dropped(): void {
    this.close(0, null);
  }

  private close(tokens: number, call: EndedCall | null): void {
    if (this.over) return;
    this.over = true;
    this.countOut(tokens);
    if (this.reservation) this.settle(this.reservation, call);
  }
}

/** Holds the calls of virtual keys to their limits and budgets. */
export class KeyCalls {
  /** By the router's list for a model, which is another one when anything changes. */
  private readonly places = new WeakMap<readonly Reachable[], PricedPlace[]>();

  constructor(private readonly ledger: BudgetLedger, private readonly limits: CallLimits, private readonly prices: Pick<PriceTable, 'cost'>, private readonly routes: Pick<RoutesService, 'router' | 'way'>) {}

  /** Throws, or rejects with, `WireError` for a call that may not be made. A promise only where somebody must be asked. */
  begin(key: VirtualKey, route: RouteName, raw: Buffer, body: Readonly<Record<string, unknown>>): KeyCall | Promise<KeyCall> {
    return after(this.limits.begin(key), (countOut) => {
      const refused = (error: unknown): never => {
        countOut(0);
        throw error;
      };
      try {
        return after(this.reserve(key, route, raw, body), (held) => new KeyCall(held, countOut, this.settle), refused);
      } catch (error) {
        return refused(error);
      }
    });
  }

  /** As `begin`, of a call that costs the installation nothing. */
  beginFree(key: VirtualKey): KeyCall | Promise<KeyCall> {
    return after(this.limits.begin(key), (countOut) => new KeyCall(nothingHeld, countOut, this.settle));
  }

  /** What a key's limits leave it this minute, as far as this instance knows. */
  left(key: VirtualKey): { requests: Left | null; tokens: Left | null } {
    return this.limits.left(key);
  }

  private reserve(key: VirtualKey, route: RouteName, raw: Buffer, body: Readonly<Record<string, unknown>>): Held | Promise<Held> {
    // What a person pays with a key of their own is not the installation's to cap.
    const all = route.source === 'user' ? key.budgets.filter(({ id }) => !id.startsWith('user:')) : key.budgets;
    const budgets = all.some(({ model }) => model !== undefined) ? all.filter(({ model }) => model === undefined || countsFor(model, askedModel(groupOf(route), route), key.aliases, this.routes.router)) : all;
    if (budgets.length === 0 || route.source === 'builtin') return nothingHeld;
    const dearer = dearerField(body);
    if (dearer !== null) throw new WireError('forbidden', `${budgetWords(key)}, and what ${dearer}: ${JSON.stringify(body[dearer]).slice(0, 100)} costs is not known. Leave it out.`, dearer, 'unknown_price');
    const { most: eachOutput, limit } = outputOf(body, isRunHolder(key.hash) ? cappedOutputOfRuns : cappedOutput);
    // Where it ends up as a response, a smaller limit becomes this one.
    const output = Math.max(eachOutput, leastOutput) * answersOf(body);
    const most = after(this.placesOf(route, key.userId), (places) => mostExpensive(places, { input: inputOf(body, raw, pictureTokensAt(places)), output, forAnHour: mayKeepForAnHour(places, raw) }, (call) => this.prices.cost(call)));
    return after(most, (amount) => {
      if (typeof amount !== 'number') throw new WireError('forbidden', `${budgetWords(key)}, and the price of ${amount.unknown} is not known: give it one in the configuration (input_cost_per_token, output_cost_per_token).`, 'model', 'unknown_price');
      return after(this.ledger.reserve(budgets, amount), (reservation) => ({ reservation, outputLimit: limit }));
    });
  }

  private placesOf(route: RouteName, userId: string | null): PricedPlace[] | Promise<PricedPlace[]> {
    if (route.source !== 'group') return this.placeOf(route, userId);
    const reachable = this.routes.router.reachable(route.model);
    const known = this.places.get(reachable);
    if (known) return known;
    const places = reachable.map(({ deployment, name }): PricedPlace => {
      const { entry } = deployment;
      const { provider, model, baseUrl } = deployment.upstream(name);
      return { provider, model, baseUrl, officialPrices: false, prices: entry.prices, baseModel: entry.baseModel };
    });
    this.places.set(reachable, places);
    return places;
  }

  private async placeOf(route: RouteName, userId: string | null): Promise<PricedPlace[]> {
    const way = await this.routes.way(route.source === 'user' ? userId : null, route);
    return way ? [{ provider: route.provider, model: route.model, baseUrl: way.upstream(route.model).baseUrl, officialPrices: way.official }] : [];
  }

  /** What it really cost; all that was set aside when nobody can say, nothing of a call that was never made. */
  private readonly settle = (reservation: Reservation, call: EndedCall | null): void => {
    const settle = (cost: number | null): void => this.ledger.settle(reservation, cost ?? reservation.amount);
    const cost = call === null ? 0 : call.priced === true ? (call.row.cost ?? null) : this.prices.cost(call);
    if (cost instanceof Promise) cost.then(settle, () => settle(null));
    else settle(cost);
  };
}

const budgetWords = ({ hash }: VirtualKey): string => (isRunHolder(hash) ? 'There is a budget' : 'This key has a budget');

/** What a call asks for that costs more than the lists say; null: nothing. */
function dearerField({ service_tier: tier, speed, inference_geo: place, modalities }: Readonly<Record<string, unknown>>): string | null {
  if (tier === 'priority') return 'service_tier';
  if (speed === 'fast') return 'speed';
  if (place === 'us') return 'inference_geo';
  return Array.isArray(modalities) && modalities.includes('audio') ? 'modalities' : null;
}
