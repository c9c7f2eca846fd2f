import type { OutputWish } from './model-request.ts';

/** The form of an answer asked for in words, where there is no field for it; null: there is nothing to ask for. */
export function outputWords(output: OutputWish | null, schemasToo: boolean): string | null {
  if (output === null || (output.type === 'schema' && !schemasToo)) return null;
  const words = 'Answer with one JSON object and nothing else.';
  return output.type === 'json' ? words : `${words} It must follow this JSON Schema:\n${JSON.stringify(output.schema)}`;
}
