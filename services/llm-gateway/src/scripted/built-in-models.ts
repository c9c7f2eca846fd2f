import type { Beat } from './beat.ts';
import type { ConversationView } from './conversation-view.ts';
import { demoBeat } from './demo.ts';

/** A model that is part of this program: no key, no network, no price. */
export interface BuiltInModel {
  provider: 'scripted' | 'mock';
  name: string;
  label: string;
  /** Milliseconds between two pieces of a stream; the first one never waits. */
  paceMs: number;
  answer(view: ConversationView): Beat;
}

const echoed = (view: ConversationView): string => view.entries.findLast((entry) => entry.kind === 'user')?.text ?? '';

export const builtInModels: readonly BuiltInModel[] = [
  { provider: 'scripted', name: 'demo', label: 'Scripted demo (follows a script, needs no key)', paceMs: 20, answer: demoBeat },
  { provider: 'mock', name: 'echo', label: 'Echo (scripted: repeats what you say)', paceMs: 0, answer: (view) => ({ text: echoed(view) }) },
  { provider: 'mock', name: 'static', label: 'Static (scripted: always says the same)', paceMs: 0, answer: () => ({ text: 'This is the fixed answer of the mock/static model.' }) },
];

export function findBuiltIn(provider: string, name: string): BuiltInModel | undefined {
  return builtInModels.find((model) => model.provider === provider && model.name === name);
}
