import type { InputOf, llm } from '@deskhand/contracts';
import type { Route } from '../models/gateway-model.ts';

type Question = InputOf<typeof llm.resolve>;

/** A run that somebody else claims is forgotten after this long. */
const keptMs = 5_000;
const mostKept = 64;

/** Routes that were asked for while their run was still being claimed: the first word does not wait for both. */
export class ForeseenRoutes {
  private readonly routes = new Map<string, { question: Question; route: Promise<Route | null>; until: number }>();

  constructor(private readonly ask: (question: Question) => Promise<Route>, private readonly now: () => number) {}

  /** Asks, unless that has been done. Never throws: whoever needs the route asks again and hears why. */
  foresee(question: Question): void {
    for (const [runId, { until }] of this.routes) if (until <= this.now()) this.routes.delete(runId);
    if (this.routes.size >= mostKept || this.routes.has(question.run_id)) return;
    this.routes.set(question.run_id, { question, route: this.ask(question).catch(() => null), until: this.now() + keptMs });
  }

  /** The route, once; asked for now where it was not foreseen, or the question has become another one. */
  async take(question: Question): Promise<Route> {
    const foreseen = this.routes.get(question.run_id);
    this.routes.delete(question.run_id);
    const fits = foreseen !== undefined && foreseen.until > this.now() && foreseen.question.provider === question.provider && foreseen.question.model_name === question.model_name;
    return (fits ? await foreseen.route : null) ?? this.ask(question);
  }
}
