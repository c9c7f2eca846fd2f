import { z } from 'zod';
import type { Command, CommandOutcome, ToolResult } from '@deskhand/contracts';
import type { ToolDescription } from '../loop/model.ts';

/** What decides whether a call of a tool asks first. */
export interface PermissionFacts {
  /** All that a call can change is inside the conversation's own computer. */
  readonly staysInside: boolean;
}

/** What a call came to, in a tool's words. */
export interface ToolConclusion {
  /** Added to what was already shown; or, of a tool that shows nothing on its way, all of its output. */
  text: string;
  is_error: boolean;
  exit_code?: number;
  display?: ToolResult['display'];
}

/** A tool that is one command in the computer. */
export interface Tool<Input = unknown> extends PermissionFacts {
  readonly name: string;
  readonly description: string;
  readonly input: z.ZodType<Input>;
  /** Whether the command's output is the tool's, shown as it comes; otherwise only `conclude` reads it. */
  readonly streams: boolean;
  /** The command of a call, or words for the model that say why it cannot be. */
  plan(input: Input, callId: string): Omit<Command, 'call_id'> | { problem: string };
  conclude(input: Input, output: string, outcome: CommandOutcome): ToolConclusion;
}

/** Ties a tool's input type to its schema, then forgets it: the loop only sees validated calls. */
export function defineTool<Input>(tool: Tool<Input>): Tool {
  return tool as Tool;
}

/** A tool as models are told of it. */
export function describeTool(tool: Tool): ToolDescription {
  const { $schema: _, ...parameters } = z.toJSONSchema(tool.input, { io: 'input' }) as Record<string, unknown>;
  return { name: tool.name, description: tool.description, parameters };
}

/** Parameters with which a model asks for a person's word first, whatever the conversation's rules. */
export const askingFirst = {
  ask_first: z.boolean().optional().describe('Set to true when the person wanted to be asked first, or when the step cannot be undone and matters. The call then waits for their approval.'),
  reason: z.string().max(500).optional().describe('With ask_first: one short sentence for the person that says why it asks.'),
};
