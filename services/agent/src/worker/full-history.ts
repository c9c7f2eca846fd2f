import { runs, type ClaimedRun, type Message } from '@deskhand/contracts';
import type { Bus } from '@deskhand/platform';

/** Pages of about half a megabyte: what is beyond them no model reads. */
const maximumPages = 20;

/** The run with all of its branch's messages, as far as they can matter. */
export async function withFullHistory(bus: Bus, run: ClaimedRun): Promise<ClaimedRun> {
  let history: Message[] = run.history;
  let complete = run.history_complete;
  for (let page = 0; !complete && page < maximumPages && history.length > 0; page++) {
    const earlier = await bus.request(runs.history, { run_id: run.run_id, epoch: run.epoch, before: (history[0] as Message).id });
    if (earlier.messages.length === 0) break;
    history = [...earlier.messages, ...history];
    complete = earlier.complete;
  }
  return { ...run, history, history_complete: complete };
}
