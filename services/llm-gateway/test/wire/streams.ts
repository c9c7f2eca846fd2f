import type { TranslatedCall } from '../../src/wire/translation.ts';

/** Pushes a stream's bytes cut at these places (each taken modulo what is left) through a translation. */
export function through(call: TranslatedCall, stream: string | Buffer, cuts: readonly number[] = []): string {
  const translation = call.stream();
  const bytes = typeof stream === 'string' ? Buffer.from(stream) : stream;
  let out = '';
  let at = 0;
  for (const cut of cuts) {
    const size = Math.min(cut, bytes.length - at);
    out += Buffer.from(translation.push(bytes.subarray(at, at + size))).toString('utf8');
    at += size;
  }
  out += Buffer.from(translation.push(bytes.subarray(at))).toString('utf8');
  return out + Buffer.from(translation.end()).toString('utf8');
}
