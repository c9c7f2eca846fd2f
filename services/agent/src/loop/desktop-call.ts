import type { DesktopAction, JournalToolCall } from '@deskhand/contracts';
import type { DesktopTool } from '../tools/tool.ts';
import { act } from './act.ts';
import type { BlockWriter } from './ports.ts';
import { RunInterrupted } from './stop.ts';
import { endedWith, type EndedEntry, type Turn } from './turn.ts';
import { words } from './words.ts';

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
    return endedWith(call.tool_call_id, output.finish(), { is_error: true, interrupted: true, ...place });
  }
}
