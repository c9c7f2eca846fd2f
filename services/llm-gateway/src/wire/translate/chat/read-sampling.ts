import { numberOf, type Fields } from '../fields.ts';
import type { ModelRequest } from '../model-request.ts';

/** How words are chosen and where they end, as chat completions and the older completions both say it. */
export function readSampling(request: ModelRequest, body: Fields): void {
  request.temperature = numberOf(body.temperature);
  request.topP = numberOf(body.top_p);
  request.stop = typeof body.stop === 'string' ? [body.stop] : Array.isArray(body.stop) ? body.stop.filter((entry) => typeof entry === 'string') : [];
  request.seed = numberOf(body.seed);
  request.frequencyPenalty = numberOf(body.frequency_penalty);
  request.presencePenalty = numberOf(body.presence_penalty);
}
