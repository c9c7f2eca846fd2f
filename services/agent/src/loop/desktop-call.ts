import { DeclaredError, type DesktopAction, type JournalToolCall } from '@deskhand/contracts';
import type { DesktopTool } from '../tools/tool.ts';
import { act } from './act.ts';
import type { BlockWriter, RunPorts } from './ports.ts';
import { RunInterrupted, unlessAbandoned } from './stop.ts';
import { endedWith, type EndedEntry, type Turn } from './turn.ts';
import { words } from './words.ts';

/** How long a person who stopped a run waits for its action to be broken off. */
const breakOffMs = 2_000;

/** What a call on the desktop comes to, for the first who asks and for whoever takes it over. */
export async function desktopCall(call: JournalToolCall, tool: DesktopTool, action: DesktopAction, output: BlockWriter, { ports }: Turn): Promise<EndedEntry> {
  const place = { block: output.block, attempt: output.attempt };
  const begun = ports.clock.now();
  try {
    const acted = await act(call.tool_call_id, action, ports, () => output.append(`${words.waitingForPerson}\n`));
    if (acted.type !== 'done') {
      output.append(acted.words);
      return endedWith(call.tool_call_id, output.finish(), { is_error: true, ...place, ...(acted.type === 'unknown' && { interrupted: true }) });
    }
    const { text, display } = tool.conclude(action, acted.view);
    output.append(text);
    const { image, duration_ms: duration = ports.clock.now() - begun } = acted.view;
    return endedWith(call.tool_call_id, output.finish(), {
      is_error: false, ...place, result: { duration_ms: Math.round(duration), ...(image !== undefined && { images: [image] }), ...(display !== undefined && { display }) },
    });
  } catch (error) {
    if (!(error instanceof RunInterrupted)) throw error;
    await breakOff(call.tool_call_id, ports);
    return endedWith(call.tool_call_id, output.finish(), { is_error: true, interrupted: true, ...place });
  }
}

/** Typing, holding and waiting end at once, and whatever is held is let go. What cannot be reached ends by itself. */
async function breakOff(callId: string, { clock, computer, stop }: RunPorts): Promise<void> {
  const killed = computer.kill(callId).catch((error: unknown) => {
    if (!(error instanceof DeclaredError)) throw error;
  });
  await unlessAbandoned(Promise.race([killed, clock.sleep(breakOffMs)]), stop);
}
