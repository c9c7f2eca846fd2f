import FilePen from '@lucide/svelte/icons/file-pen';
import FilePlus from '@lucide/svelte/icons/file-plus';
import FileText from '@lucide/svelte/icons/file-text';
import MousePointer2 from '@lucide/svelte/icons/mouse-pointer-2';
import Plug from '@lucide/svelte/icons/plug';
import Terminal from '@lucide/svelte/icons/terminal';
import Wrench from '@lucide/svelte/icons/wrench';
import type { Component } from 'svelte';
import { mcpToolOf } from '../mcp/tool-name.ts';
import type { Call } from '../timeline/state.ts';
import type { StepState, ToolStep } from '../timeline/view.ts';
import { actionTarget, actionVerb } from './computer-action.ts';

interface Words {
  icon: Component<{ size?: number }>;
  /** While it runs, when it is done, and when it did not come to that. */
  doing: string;
  done: string;
  plain: string;
  /** For the line over a group: `ran 2 commands`, `running 2 commands`. */
  noun: string;
}

const plural = (number: number, noun: string) => `${number} ${noun}${number === 1 ? '' : 's'}`;

const words: Record<string, Words> = {
  bash: { icon: Terminal, doing: 'Running', done: 'Ran', plain: 'Run', noun: 'command' },
  read: { icon: FileText, doing: 'Reading', done: 'Read', plain: 'Read', noun: 'file' },
  write: { icon: FilePlus, doing: 'Writing', done: 'Wrote', plain: 'Write', noun: 'file' },
  edit: { icon: FilePen, doing: 'Editing', done: 'Edited', plain: 'Edit', noun: 'file' },
  // Their verbs depend on the action; these are for the line over a group.
  computer: { icon: MousePointer2, doing: 'Taking', done: 'Took', plain: 'Take', noun: 'desktop action' },
};
const ofServer: Words = { icon: Plug, doing: 'Using', done: 'Used', plain: 'Use', noun: 'MCP tool' };
const other: Words = { icon: Wrench, doing: 'Using', done: 'Used', plain: 'Use', noun: 'tool' };

const wordsFor = (name: string) => words[name] ?? (mcpToolOf(name) === null ? other : ofServer);

export const iconOf = (call: Call) => wordsFor(call.name).icon;

export function verbOf(call: Call, state: StepState): string {
  if (call.name === 'computer') return actionVerb(call, state);
  const { doing, done, plain } = wordsFor(call.name);
  if (state === 'running') return doing;
  return state === 'done' || state === 'failed' ? done : plain;
}

/** What the call acts on, in one line: the command, the file, server and tool, else the tool's name. */
export function targetOf(call: Call): string {
  const mcp = mcpToolOf(call.name);
  if (mcp !== null) return `${textOr(call.result?.display?.['server'], mcp.server)}: ${textOr(call.result?.display?.['tool'], mcp.tool)}`;
  if (call.name === 'computer') return actionTarget(call);
  const value = call.name === 'bash' ? call.arguments['command'] : (call.arguments['path'] ?? call.result?.display?.['path']);
  if (typeof value !== 'string') return call.name in words ? '' : call.name;
  const line = value.trim().replace(/^\/workspace\/(?=.)/, '');
  const [first = '', ...more] = line.split('\n');
  return more.length > 0 ? `${first} …` : first;
}

const textOr = (value: unknown, other: string): string => (typeof value === 'string' ? value : other);

export const stateWords: Record<StepState, string> = {
  proposed: 'next',
  waiting: 'waits for you',
  running: 'running',
  done: 'done',
  failed: 'failed',
  denied: 'denied',
  interrupted: 'stopped',
};

/** `Ran 2 commands, edited 1 file`: what was done, or before anything was, what is being done. */
export function summaryOf(steps: readonly ToolStep[]): string {
  const ended = steps.filter(({ call }) => call.state === 'ended');
  const counts = new Map<Words, number>();
  for (const { call } of ended.length > 0 ? ended : steps) counts.set(wordsFor(call.name), (counts.get(wordsFor(call.name)) ?? 0) + 1);
  const text = [...counts].map(([{ doing, done, noun }, number]) => `${(ended.length > 0 ? done : doing).toLowerCase()} ${plural(number, noun)}`).join(', ');
  return text.charAt(0).toUpperCase() + text.slice(1);
}
