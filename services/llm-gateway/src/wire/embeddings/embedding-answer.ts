import { count, isRecord } from '../token-usage.ts';

/** Little-endian 32-bit floats, as OpenAI's libraries read them. */
export function base64Of(vector: readonly number[]): string {
  const bytes = Buffer.alloc(vector.length * 4);
  for (const [index, value] of vector.entries()) bytes.writeFloatLE(value, index * 4);
  return bytes.toString('base64');
}

export function vectorOf(base64: string): number[] {
  const bytes = Buffer.from(base64, 'base64');
  return Array.from({ length: Math.floor(bytes.length / 4) }, (_, index) => bytes.readFloatLE(index * 4));
}

/** An answer in OpenAI's format. */
export function writeEmbeddings(vectors: readonly (readonly number[])[], model: string, encoding: 'float' | 'base64', tokens: number): Record<string, unknown> {
  return {
    object: 'list', data: vectors.map((vector, index) => ({ object: 'embedding', index, embedding: encoding === 'base64' ? base64Of(vector) : vector })), model,
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  };
}

/** Whether a provider's answer is one in OpenAI's format. */
export function isEmbeddings(answer: unknown): answer is { data: Record<string, unknown>[]; usage?: unknown } {
  return isRecord(answer) && Array.isArray(answer.data) && answer.data.every((item) => isRecord(item) && (typeof item.embedding === 'string' || Array.isArray(item.embedding)));
}

/** The tokens that it states; null when it does not, or says none. */
export function statedTokens(answer: { usage?: unknown }): number | null {
  const usage = isRecord(answer.usage) ? answer.usage : {};
  return (count(usage.prompt_tokens) ?? count(usage.total_tokens)) || null;
}

/** The answer with its vectors in the encoding that was asked for; null when they are in it already. Not every provider knows both. */
export function reencoded(answer: { data: Record<string, unknown>[] }, encoding: 'float' | 'base64'): Record<string, unknown> | null {
  const right = (embedding: unknown): boolean => (encoding === 'base64') === (typeof embedding === 'string');
  if (answer.data.every(({ embedding }) => right(embedding))) return null;
  const turned = (embedding: unknown): unknown => (right(embedding) ? embedding : typeof embedding === 'string' ? vectorOf(embedding) : base64Of((embedding as unknown[]).map(Number)));
  return { ...answer, data: answer.data.map((item) => ({ ...item, embedding: turned(item.embedding) })) };
}
