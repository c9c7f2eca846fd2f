const secretName = /pass(word|phrase)|secret|token|api[-_]?key|authorization|cookie|credential|private|seed|sealed|master[-_]?key|grant$/i;
/** Shapes of credentials wherever they stand in a text: provider keys, our tokens, JWTs, nkey seeds, bearer headers, URL passwords. */
const secretShape =
  /\b(?:sk|pk|rk)-[A-Za-z0-9_-]{8,}|\bdhr?_[A-Za-z0-9_-]{8,}|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?|\bS[UAO][A-Z2-7]{40,}\b|\bBearer\s+[^\s"']+|(?<=[?&](?:token|key|api_key|access_token)=)[^&\s"]+|(?<=:\/\/[^\s/:@]{1,200}:)[^\s/@]+(?=@)/gi;

export function redactText(text: string): string {
  return text.replace(secretShape, '[redacted]');
}

/** A copy without secrets: fields with telling names lose their value, texts lose anything shaped like a credential. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactText(value);
  if (value === null || typeof value !== 'object') return value;
  if (depth > 6) return '[nested]';
  if (value instanceof Error) return { type: value.name, message: redactText(value.message), stack: value.stack === undefined ? undefined : redactText(value.stack), cause: redact(value.cause, depth + 1) };
  if (Array.isArray(value)) return value.slice(0, 50).map((item) => redact(item, depth + 1));
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [name, secretName.test(name) && typeof field !== 'number' && typeof field !== 'boolean' ? '[redacted]' : redact(field, depth + 1)]),
  );
}
