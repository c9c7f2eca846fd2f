import { createHash } from 'node:crypto';
import type { Tool } from './model-request.ts';

type NamedTool = Pick<Tool, 'type' | 'name' | 'namespace'>;

/** Every vendor takes letters, digits, `_` and `-`; OpenAI takes 64 of them. */
const longest = 64;

function plain(name: string): string {
  if (name.length <= longest && /^[\w-]+$/.test(name)) return name;
  const mark = createHash('sha256').update(name).digest('hex').slice(0, 8);
  return `${name.replace(/[^\w-]/g, '_').slice(0, longest - mark.length - 1)}_${mark}`;
}

/**
 * How a client's tools are called at an upstream: groups become a part of the name, names that are too long or have letters
 * that not everyone takes are shortened the same way each time, and answers are given back under the client's own names.
 */
export class ToolNames {
  private readonly bySpoken = new Map<string, NamedTool>();

  constructor(tools: readonly NamedTool[]) {
    for (const tool of tools) this.bySpoken.set(this.spoken(tool), tool);
  }

  spoken(tool: Pick<Tool, 'name' | 'namespace'>): string {
    return plain(tool.namespace === null ? tool.name : `${tool.namespace}__${tool.name}`);
  }

  /** The client's tool behind an upstream's call; a name nobody offered is a function of that name. */
  resolve(spoken: string): NamedTool {
    return this.bySpoken.get(spoken) ?? { type: 'function', name: spoken, namespace: null };
  }
}
