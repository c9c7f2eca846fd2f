import { z } from 'zod';

/** What is taken of a server, whatever it sends: a hostile one costs this much and no more. */
export const mcpLimits = {
  /** Bytes of one message. */
  message: 8 * 1024 * 1024,
  tools: 100,
  /** Pages of a list of tools. */
  pages: 20,
  toolName: 200,
  description: 2_000,
  /** Characters of a tool's schema as JSON, and how deep it nests. */
  schema: 16_000,
  depth: 24,
  /** UTF-16 units of a result's text. */
  text: 48_000,
  images: 4,
  /** Bytes of a picture. */
  image: 3 * 1024 * 1024,
} as const;

export const imageType = z.enum(['image/png', 'image/jpeg', 'image/webp', 'image/gif']);
export type ImageType = z.infer<typeof imageType>;

/** A tool as its server describes it, within the limits. */
export const toolFacts = z.object({
  name: z.string().min(1).max(mcpLimits.toolName),
  description: z.string().max(mcpLimits.description),
  /** JSON schema of an object. */
  parameters: z.record(z.string(), z.unknown()),
  /** The server says that calls change nothing. */
  read_only: z.boolean(),
});
export type ToolFacts = z.infer<typeof toolFacts>;

export const toolList = z.object({
  tools: z.array(toolFacts).max(mcpLimits.tools),
  /** Tools that are not among them, each with the reason in words; the first few. */
  left_out: z.array(z.string().max(400)).max(10),
});
export type ToolList = z.infer<typeof toolList>;

/** What a call came to. */
export interface CallResult {
  text: string;
  is_error: boolean;
  images: { media_type: ImageType; bytes: Buffer }[];
}

/** What the program in a computer says about its work, as the last line of its output. */
export const computerAnswer = z.discriminatedUnion('type', [
  toolList.extend({
    type: z.literal('tools'),
    /** The command that started the server: a kill of it ends the server with all that it started. */
    starter: z.string().max(200),
  }),
  z.object({
    type: z.literal('result'), text: z.string().max(mcpLimits.text + 1_000), is_error: z.boolean(),
    images: z.array(z.object({ media_type: imageType, size: z.number().int().min(1).max(mcpLimits.image), file: z.string().max(300) })).max(mcpLimits.images),
  }),
  /** `ran`: the call may have taken effect. */
  z.object({ type: z.literal('problem'), message: z.string().max(4_000), ran: z.boolean() }),
]);
export type ComputerAnswer = z.infer<typeof computerAnswer>;

/** Where the program lies in a computer. */
export const computerProgram = ['/usr/local/bin/node', '--no-warnings', '/opt/deskhand/mcp.mjs'] as const;
/** Bytes of a picture that one command of the program prints, as base64. */
export const picturePart = 270_000;

/** Which server a command of the program is about; its variables come as JSON in `MCP_VARIABLES`. */
export const computerServer = z.object({ id: z.string().regex(/^[A-Za-z0-9-]{1,64}$/), name: z.string(), command: z.string().min(1), args: z.array(z.string()) });
export type ComputerServer = z.infer<typeof computerServer>;
export const toolsOrder = z.object({ server: computerServer, starter: z.string() });
export const callOrder = z.object({ server: computerServer, tool: z.string(), arguments: z.record(z.string(), z.unknown()), timeout_ms: z.number().int().positive() });
