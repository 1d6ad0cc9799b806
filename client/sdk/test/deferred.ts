/** A promise with its `resolve` and `reject`. */
export interface Deferred<Value> {
  readonly promise: Promise<Value>;
  readonly resolve: (value: Value | PromiseLike<Value>) => void;
}

/** `Promise.withResolvers`, which Node.js 20 does not have. */
export function deferred<Value>(): Deferred<Value> {
  let settle: Deferred<Value>["resolve"] | undefined;
  const promise = new Promise<Value>((resolve) => {
    settle = resolve;
  });
  return { promise, resolve: (value) => settle?.(value) };
}
