import { z } from 'zod';
import type { Command, CommandOutcome, DesktopAction, DesktopView, McpServer, ToolResult } from '@deskhand/contracts';
import type { ToolDescription } from '../loop/model.ts';

/** What decides whether a call of a tool asks first. */
export interface PermissionFacts {
  /** All that a call can change is inside the conversation's own computer. */
  readonly staysInside: boolean;
  /** What it reaches where it does not, in words. */
  readonly reaches?: string;
}

/** What a call came to, in a tool's words. */
export interface ToolConclusion {
  /** Added to what was already shown; or, of a tool that shows nothing on its way, all of its output. */
  text: string;
  is_error: boolean;
  exit_code?: number;
  display?: ToolResult['display'];
}

/** What models and the loop know of every tool. */
interface ToolFacts<Input> extends PermissionFacts {
  readonly name: string;
  readonly description: string;
  readonly input: z.ZodType<Input>;
}

/** A tool that is one command in the computer. Calls of a step run side by side. */
export interface CommandTool<Input = unknown> extends ToolFacts<Input> {
  readonly kind: 'command';
  /** Whether the command's output is the tool's, shown as it comes; otherwise only `conclude` reads it. */
  readonly streams: boolean;
  /** The command of a call, or words for the model that say why it cannot be. */
  plan(input: Input, callId: string): Omit<Command, 'call_id'> | { problem: string };
  conclude(input: Input, output: string, outcome: CommandOutcome): ToolConclusion;
}

/**
 * A tool that is one action on the computer's desktop. There is one screen, so calls of a step run one after the other, and
 * none after one that failed.
 */
export interface DesktopTool<Input = unknown> extends ToolFacts<Input> {
  readonly kind: 'desktop';
  /** The action of a call, or words for the model that say why it cannot be. */
  plan(input: Input): DesktopAction | { problem: string };
  conclude(action: DesktopAction, view: DesktopView): Pick<ToolConclusion, 'text' | 'display'>;
}

/** A tool of an MCP server that the conversation has chosen. Calls of a step run side by side. */
export interface McpTool extends ToolFacts<Record<string, unknown>> {
  readonly kind: 'mcp';
  readonly server: McpServer;
  /** As the server calls it; null when only the outcome of a started call is wanted. */
  readonly tool: string | null;
  /** Its arguments as the server describes them: JSON schema of an object. */
  readonly parameters: Record<string, unknown>;
}

export type Tool<Input = unknown> = CommandTool<Input> | DesktopTool<Input> | McpTool;

/** Ties a tool's input type to its schema, then forgets it: the loop only sees validated calls. */
export function defineTool<Input>(tool: Omit<CommandTool<Input>, 'kind'>): CommandTool {
  return { kind: 'command', ...tool } as CommandTool;
}

export function defineDesktopTool<Input>(tool: Omit<DesktopTool<Input>, 'kind'>): DesktopTool {
  return { kind: 'desktop', ...tool } as DesktopTool;
}

/** A tool as models are told of it. */
export function describeTool(tool: Tool): ToolDescription {
  if (tool.kind === 'mcp') return { name: tool.name, description: tool.description, parameters: tool.parameters };
  const { $schema: _, ...parameters } = z.toJSONSchema(tool.input, { io: 'input' }) as Record<string, unknown>;
  return { name: tool.name, description: tool.description, parameters };
}

/** Parameters with which a model asks for a person's word first, whatever the conversation's rules. */
export const askingFirst = {
  ask_first: z.boolean().optional().describe('Set to true when the person wanted to be asked first, or when the step cannot be undone and matters. The call then waits for their approval.'),
  reason: z.string().max(500).optional().describe('With ask_first: one short sentence for the person that says why it asks.'),
};
