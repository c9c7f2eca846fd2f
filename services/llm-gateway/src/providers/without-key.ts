/** Text from a provider without our key, should it quote it. */
export function withoutKey(text: string, key: string): string {
  return key.length < 8 ? text : text.replaceAll(key, '[key]');
}

/** The same for bytes that are passed on; unchanged bytes stay the same object. */
export function bytesWithoutKey(bytes: Buffer, key: string): Buffer {
  if (key.length < 8 || !bytes.includes(key)) return bytes;
  return Buffer.from(bytes.toString('latin1').replaceAll(key, '[key]'), 'latin1');
}
