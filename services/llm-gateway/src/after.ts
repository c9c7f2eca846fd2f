/**
 * Goes on with a value that is mostly there already. A promise only where the value or what is made of it is one: what every
 * call does must not wait for turns of the event loop that nobody needs. What `work` throws at once is thrown, not given to `failed`.
 */
export function after<Value, Result>(value: Value | Promise<Value>, work: (value: Value) => Result | Promise<Result>, failed?: (error: unknown) => never): Result | Promise<Result> {
  return value instanceof Promise ? value.then(work, failed) : work(value);
}
