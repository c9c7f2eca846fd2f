/** A function that does `work` a moment after it is called; calls in between cost nothing more. */
export function soon(work: () => unknown, delay = 150): () => void {
  let timer: ReturnType<typeof setTimeout> | null = null;
  return () => {
    timer ??= setTimeout(() => {
      timer = null;
      void work();
    }, delay);
  };
}
