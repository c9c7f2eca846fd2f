import { ModelError } from '../loop/model.ts';

/** Bytes of one answer, framing included: far beyond any real one. */
const maximumBytes = 32 * 1024 * 1024;

/** `fetch` for answers of models, whose length nobody vouches for: an endless one fails instead of filling the memory. */
export async function boundedFetch(input: string | URL | Request, options?: RequestInit): Promise<Response> {
  const response = await fetch(input, options);
  if (response.body === null) return response;
  let bytes = 0;
  const counted = response.body.pipeThrough(new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      bytes += chunk.byteLength;
      if (bytes > maximumBytes) controller.error(new ModelError('refused', 'Its answer is without end.'));
      else controller.enqueue(chunk);
    },
  }));
  return new Response(counted, { status: response.status, statusText: response.statusText, headers: response.headers });
}
