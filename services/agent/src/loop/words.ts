import { stuckAfter } from './stuck.ts';

/** What the loop says to models and people, in one place. */
export const words = {
  denied: 'The person did not allow this call. Do not try it another way; ask them how to go on, or go on without it.',
  unknownTool: (name: string, known: readonly string[]) => `There is no tool "${name}". The tools are: ${known.join(', ')}.`,
  invalidArguments: (text: string) => `The arguments were not a JSON object, so the call was not run. They were: ${text.length > 500 ? `${text.slice(0, 500)}…` : text}`,
  wrongArguments: (issues: string) => `The arguments do not fit the tool, so the call was not run: ${issues}`,
  unknownEffect: 'The call was interrupted by a restart, or by a person who took over; whether it took effect is not known.',
  lostSight: (reason: string) => `The connection to the computer was lost while this ran, so its result is not known: ${reason}`,
  noComputer: (reason: string) => `The computer is not available, so the call was not run: ${reason}`,
  refusedByComputer: (reason: string) => `The computer refused the call, so it was not run: ${reason}`,
  stoppedBefore: 'Not run: the person stopped the run first.',
  notExecuted: 'Not executed: an earlier computer action in this turn failed.',
  waitingForPerson: 'Waiting: a person is using the desktop.',
  tooManyCalls: (limit: number) => `Not run: at most ${limit} calls are run in one step. Make fewer at a time.`,
  stepLimit: (limit: number) => `Stopped after ${limit} steps without an end. Say "go on" to let it continue.`,
  stuck: `Stopped: the agent did the same thing ${stuckAfter} times in a row with the same result. Tell it what to do differently.`,
  cutOff: 'The model\'s answer broke off.',
  silent: (seconds: number) => `The model sent nothing for ${seconds} seconds.`,
  endless: (limit: number) => `Its answer is longer than ${limit} characters. Ask for the work in smaller parts.`,
  nothing: 'It answered with nothing.',
  refused: 'The model declined to answer.',
  modelFailed: (reason: string) => `The model could not answer: ${reason}`,
  fault: 'Something went wrong inside the agent; it is in the log. Say "go on" to try again.',
} as const;
