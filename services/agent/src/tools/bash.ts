import { z } from 'zod';
import { asLastLine, describeEnding } from './ending.ts';
import { askingFirst, defineTool } from './tool.ts';

const defaultTimeoutSeconds = 120;

/** The shell starts the command, tells where it went, and is done; what it started stays until the computer stops. */
const startInBackground = 'bash -lc "$1" </dev/null >"$2" 2>&1 & printf "Started in the background: pid %s, output in %s\\n" "$!" "$2"';

export const bash = defineTool({
  name: 'bash',
  description:
    'Runs a command with bash in /workspace on the computer and returns its output (standard output and error together) and exit code. ' +
    'Each call is a new shell: directory and variables do not carry over. There is no terminal, so nothing can ask questions. ' +
    'Use background for servers and other things that keep running.',
  staysInside: true,
  streams: true,
  input: z.object({
    command: z.string().min(1).max(100_000).describe('The command line; may be several lines.'),
    timeout_seconds: z.number().int().min(1).max(3_600).optional().describe(`Seconds after which it and all it started is ended. ${defaultTimeoutSeconds} when absent.`),
    background: z.boolean().optional().describe('Start it, return at once with its pid and the file its output goes to, and leave it running.'),
    ...askingFirst,
  }),
  plan({ command, timeout_seconds: seconds = defaultTimeoutSeconds, background }, callId) {
    if (background === true) return { argv: ['bash', '-c', startInBackground, 'bash', command, `/tmp/background-${callId.slice(-12)}.log`], timeout_ms: 30_000, descendants: 'keep' };
    return { argv: ['bash', '-lc', command], timeout_ms: seconds * 1_000, descendants: 'keep' };
  },
  conclude({ timeout_seconds: seconds = defaultTimeoutSeconds, background }, output, outcome) {
    const ending = describeEnding(outcome, background === true ? 30_000 : seconds * 1_000);
    return {
      text: ending === null ? '' : asLastLine(output, ending),
      is_error: ending !== null,
      ...(outcome.exit_code !== null && { exit_code: outcome.exit_code }),
    };
  },
});
