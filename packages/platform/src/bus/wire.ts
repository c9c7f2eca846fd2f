import { DeclaredError, isErrorCode, type RequestContract, type EventContract } from '@deskhand/contracts';
import type { Log } from '../log.ts';

/** Replies between services: a value, or an error that its contract declares. */
type Reply = { value: unknown } | { error: { code: string; message: string; details?: Record<string, unknown> } };

/** Codes the bus itself may answer with, whatever the contract declares. */
const always = new Set(['BAD_INPUT', 'TOO_LARGE', 'INTERNAL', 'TIMEOUT', 'UNAVAILABLE']);

/** Runs a handler on a decoded request and gives the reply to send. Undeclared errors are logged here, once, and become `INTERNAL`. */
export async function answer(contract: RequestContract, payload: string, handler: (input: unknown) => Promise<unknown>, log: Log): Promise<string> {
  try {
    const parsed = contract.input.safeParse(decode(payload));
    if (!parsed.success) throw new DeclaredError('BAD_INPUT', describeIssues(parsed.error.issues));
    return JSON.stringify({ value: await handler(parsed.data) });
  } catch (error) {
    if (error instanceof DeclaredError && (always.has(error.code) || contract.errors.includes(error.code))) {
      return JSON.stringify({ error: { code: error.code, message: error.message, details: error.details } });
    }
    log.error(`${contract.subject} failed`, { error });
    return JSON.stringify({ error: { code: 'INTERNAL', message: 'Something went wrong inside; it is in the log' } });
  }
}

/** Reads a reply: its validated value, or the error thrown. */
export function readReply(contract: RequestContract, payload: string): unknown {
  const reply = decode(payload) as Reply;
  if ('error' in reply) {
    const { code, message, details } = reply.error;
    throw new DeclaredError(isErrorCode(code) ? code : 'INTERNAL', message, details);
  }
  return contract.output.parse(reply.value);
}

export function readEvent(contract: EventContract, payload: string): unknown {
  return contract.data.parse(decode(payload));
}

export function encodeInput(contract: RequestContract, input: unknown): string {
  const parsed = contract.input.safeParse(input);
  if (!parsed.success) throw new DeclaredError('BAD_INPUT', describeIssues(parsed.error.issues));
  return JSON.stringify(parsed.data);
}

export function describeIssues(issues: readonly { path: PropertyKey[]; message: string }[]): string {
  return issues.slice(0, 5).map((issue) => (issue.path.length > 0 ? `${issue.path.join('.')}: ${issue.message}` : issue.message)).join('; ');
}

function decode(payload: string): unknown {
  try {
    return JSON.parse(payload);
  } catch (cause) {
    throw new DeclaredError('BAD_INPUT', 'The message is not JSON', undefined, { cause });
  }
}
