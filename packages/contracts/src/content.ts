import { z } from 'zod';

/** Where a block's text was streamed: which block, and which attempt at it. Absent for what was never streamed. */
const streamed = { block: z.string().optional(), attempt: z.number().int().optional() };

export const textBlock = z.object({ type: z.literal('text'), text: z.string(), ...streamed });
/** A model's visible thinking. `opaque` is the provider's own data (signature, encrypted content), returned to it unchanged. */
export const reasoningBlock = z.object({ type: z.literal('reasoning'), text: z.string(), opaque: z.unknown().optional(), ...streamed });
export const toolCallBlock = z.object({
  type: z.literal('tool_call'),
  tool_call_id: z.string(),
  name: z.string(),
  /** Arguments as the model gave them; `{}` when they were not valid JSON (then `invalid_arguments` has the text). */
  arguments: z.record(z.string(), z.unknown()),
  invalid_arguments: z.string().optional(),
});

/** A picture in the blob store, under the scope of its conversation. */
export const image = z.object({ blob: z.string(), media_type: z.enum(['image/jpeg', 'image/png', 'image/webp', 'image/gif']), width: z.number().int(), height: z.number().int() });
export type Image = z.infer<typeof image>;

/** What a tool call came to. `output` is exactly what was streamed as tool output. */
export const toolResult = z.object({
  output: z.string(),
  /** What it shows: the model sees them too, as long as they are recent. */
  images: z.array(image).max(20).optional(),
  exit_code: z.number().int().optional(),
  duration_ms: z.number().optional(),
  /** Facts a tool adds for people: path, line, replaced text. Never shown to the model. */
  display: z.record(z.string(), z.unknown()).optional(),
});
export const toolResultBlock = z.object({
  type: z.literal('tool_result'),
  tool_call_id: z.string(),
  name: z.string(),
  result: toolResult,
  is_error: z.boolean(),
  interrupted: z.boolean().optional(),
});

/** What happened around the conversation and matters to its model: a person drove the desktop, an MCP server cannot be used. Told to it as text. */
export const noticeBlock = z.object({ type: z.literal('notice'), kind: z.enum(['desktop-driven', 'mcp-unavailable']), text: z.string(), facts: z.record(z.string(), z.unknown()).optional() });

export const contentBlock = z.discriminatedUnion('type', [textBlock, reasoningBlock, toolCallBlock, toolResultBlock, noticeBlock]);
export const messageRole = z.enum(['user', 'assistant', 'tool']);

export const message = z.object({
  id: z.string(),
  branch_id: z.string(),
  /** The run that wrote it or that it started; null for what an import brought. */
  run_id: z.string().nullable(),
  role: messageRole,
  /** All text blocks joined: what seed-format clients read. */
  content: z.string(),
  blocks: z.array(contentBlock),
  /** True for what remains of an answer that an interrupt or a crash cut off. */
  cut: z.boolean(),
  model: z.string().nullable(),
  /** RFC 3339, UTC, milliseconds. */
  created_at: z.string(),
});

export type TextBlock = z.infer<typeof textBlock>;
export type ReasoningBlock = z.infer<typeof reasoningBlock>;
export type ToolCallBlock = z.infer<typeof toolCallBlock>;
export type ToolResult = z.infer<typeof toolResult>;
export type ToolResultBlock = z.infer<typeof toolResultBlock>;
export type NoticeBlock = z.infer<typeof noticeBlock>;
export type ContentBlock = z.infer<typeof contentBlock>;
export type Message = z.infer<typeof message>;
export type MessageRole = z.infer<typeof messageRole>;

/** The text of a message as one string. */
export function textOf(blocks: readonly ContentBlock[]): string {
  return blocks.flatMap((block) => (block.type === 'text' ? [block.text] : [])).join('');
}
