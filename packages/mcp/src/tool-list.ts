import { z } from 'zod';
import { mcpLimits, type ToolFacts, type ToolList } from './formats.ts';
import { plain } from './mcp-failure.ts';

/** As much of an answer to `tools/list` as is read: each tool is judged by itself, so that a bad one costs only itself. */
export const listedTools = z.object({ tools: z.array(z.unknown()).max(10_000), nextCursor: z.string().max(4_000).optional().catch(undefined) });

const listedTool = z.object({
  name: z.string().min(1).max(mcpLimits.toolName),
  title: z.string().optional().catch(undefined),
  description: z.string().optional().catch(undefined),
  inputSchema: z.record(z.string(), z.unknown()),
  annotations: z.object({ readOnlyHint: z.boolean().optional().catch(undefined) }).optional().catch(undefined),
});

/** Collects the tools of a server, page by page, within the limits. */
export class ToolCollector {
  private readonly tools = new Map<string, ToolFacts>();
  private readonly leftOut: string[] = [];
  private surplus = 0;

  get full(): boolean {
    return this.tools.size >= mcpLimits.tools;
  }

  take(items: readonly unknown[]): void {
    for (const item of items) {
      if (this.full) {
        this.surplus += 1;
        continue;
      }
      const facts = factsOf(item);
      if (typeof facts === 'string') this.leaveOut(facts);
      else if (this.tools.has(facts.name)) this.leaveOut(`${plain(facts.name)}: it is there twice`);
      else this.tools.set(facts.name, facts);
    }
  }

  list(more: boolean): ToolList {
    const tooMany = this.surplus > 0 || more ? [`${this.surplus > 0 ? this.surplus : 'More'} tools: at most ${mcpLimits.tools} of a server are used`] : [];
    return { tools: [...this.tools.values()], left_out: [...tooMany, ...this.leftOut].slice(0, 10).map((line) => line.slice(0, 400).toWellFormed()) };
  }

  private leaveOut(words: string): void {
    if (this.leftOut.length < 10) this.leftOut.push(words);
  }
}

/** What is told to models of a tool, or words that say why it is left out. */
function factsOf(item: unknown): ToolFacts | string {
  const parsed = listedTool.safeParse(item);
  if (!parsed.success) return `${nameOf(item)}: its description does not keep to the protocol (${parsed.error.issues[0]?.path.join('.') || 'tool'})`;
  const { name, title, description, inputSchema, annotations } = parsed.data;
  const { $schema: _, ...schema } = inputSchema;
  if (schema['type'] !== undefined && schema['type'] !== 'object') return `${plain(name)}: its input is not an object`;
  if (tooDeep(schema, mcpLimits.depth)) return `${plain(name)}: its schema nests too deep`;
  const parameters = { type: 'object', properties: {}, ...schema };
  if (JSON.stringify(parameters).length > mcpLimits.schema) return `${plain(name)}: its schema is longer than ${mcpLimits.schema} characters`;
  return { name, description: wordsFor(description ?? title ?? ''), parameters, read_only: annotations?.readOnlyHint === true };
}

/** Line breaks stay; what could move a cursor or hide a word goes. */
function wordsFor(description: string): string {
  const text = description.slice(0, mcpLimits.description * 2).replace(/[^\P{Cc}\n\t]|\p{Cf}/gu, '').trim();
  return (text.length > mcpLimits.description ? `${text.slice(0, mcpLimits.description - 1)}…` : text).toWellFormed().slice(0, mcpLimits.description);
}

function nameOf(item: unknown): string {
  const name = (item as { name?: unknown } | null)?.name;
  return typeof name === 'string' && name !== '' ? plain(name).slice(0, 100) : 'A tool without a name';
}

function tooDeep(value: unknown, left: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return left === 0 || Object.values(value).some((item) => tooDeep(item, left - 1));
}
