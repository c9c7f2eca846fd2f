import { bash } from './bash.ts';
import { computer } from './computer.ts';
import { edit } from './edit.ts';
import { read } from './read.ts';
import { describeTool, type Tool } from './tool.ts';
import { write } from './write.ts';

/** Every tool a model is given, by name. A new tool is a file here and a line below. */
export const tools: ReadonlyMap<string, Tool> = new Map([bash, read, write, edit, computer].map((tool) => [tool.name, tool]));

export const toolDescriptions = [...tools.values()].map(describeTool);
