import type { BudgetLedger, Reservation } from '../budgets/budget-ledger.ts';
import { answersOf, mostExpensive, mostInput, statedOutput, type PricedPlace } from '../budgets/most-expensive.ts';
import type { RouteName } from '../providers/route.ts';
import type { RoutesService } from '../providers/routes.service.ts';
import type { EndedCall } from '../usage/model-call.ts';
import type { PriceTable } from '../usage/price-table.ts';
import { inputTokens } from '../wire/token-usage.ts';
import { WireError } from '../wire/wire-format.ts';
import type { CallLimits } from './call-limits.ts';
import type { VirtualKey } from './virtual-keys.ts';

/** The output that a call under a budget may have when it states no limit of its own. */
export const cappedOutput = 4_096;

/** What a virtual key's call has been given: it is counted out when the call is over. */
export interface KeyCall {
  /** US dollars set aside; 0 of a key without a budget. */
  reserved: number;
  /** Tokens to which the output is to be held; null: as the client says. */
  outputLimit: number | null;
  /** The call was made and is over. */
  ended(call: EndedCall): void;
  /** It was never made. */
  dropped(): void;
}

/** Holds the calls of virtual keys to their limits and budgets. */
export class KeyCalls {
  constructor(private readonly ledger: BudgetLedger, private readonly limits: CallLimits, private readonly prices: Pick<PriceTable, 'cost'>, private readonly routes: Pick<RoutesService, 'router' | 'upstream'>) {}

  /** Throws `WireError` for a call that may not be made. */
  async begin(key: VirtualKey, route: RouteName, requestBytes: number, body: Readonly<Record<string, unknown>>): Promise<KeyCall> {
    const countOut = await this.limits.begin(key);
    try {
      const { reservation, outputLimit } = await this.reserve(key, route, requestBytes, body);
      let over = false;
      const once = (work: () => void): void => {
        if (!over) work();
        over = true;
      };
      return {
        reserved: reservation?.amount ?? 0, outputLimit,
        ended: (call) => once(() => {
          countOut(inputTokens(call.row) + call.row.output);
          if (reservation) this.settle(reservation, call);
        }),
        dropped: () => once(() => {
          countOut(0);
          if (reservation) this.ledger.settle(reservation, 0);
        }),
      };
    } catch (error) {
      countOut(0);
      throw error;
    }
  }

  private async reserve(key: VirtualKey, route: RouteName, requestBytes: number, body: Readonly<Record<string, unknown>>): Promise<{ reservation: Reservation | null; outputLimit: number | null }> {
    if (key.budgets.length === 0 || route.source === 'builtin' || route.source === 'caller') return { reservation: null, outputLimit: null };
    const stated = statedOutput(body);
    const most = await mostExpensive(await this.placesOf(route), mostInput(requestBytes), (stated ?? cappedOutput) * answersOf(body), async (call) => this.prices.cost(call));
    if (typeof most !== 'number') throw new WireError('forbidden', `This key has a budget, and the price of ${most.unknown} is not known: give it one in the configuration (input_cost_per_token, output_cost_per_token).`, 'model', 'unknown_price');
    return { reservation: await this.ledger.reserve(key.budgets, most), outputLimit: stated === null ? cappedOutput : null };
  }

  private async placesOf(route: RouteName): Promise<PricedPlace[]> {
    if (route.source !== 'group') {
      const upstream = await this.routes.upstream(null, route);
      return upstream ? [{ provider: route.provider, model: route.model, baseUrl: upstream.baseUrl, officialPrices: upstream.official }] : [];
    }
    return this.routes.router.reachable(route.model).map((deployment) => {
      const { entry } = deployment;
      const { provider, model, baseUrl } = deployment.upstream(entry.group.includes('*') ? route.model : entry.group);
      return { provider, model, baseUrl, officialPrices: false, prices: entry.prices };
    });
  }

  /** What it really cost; all that was set aside when nobody can say. */
  private settle(reservation: Reservation, call: EndedCall): void {
    this.prices.cost(call).then((cost) => this.ledger.settle(reservation, cost ?? reservation.amount), () => this.ledger.settle(reservation, reservation.amount));
  }
}
