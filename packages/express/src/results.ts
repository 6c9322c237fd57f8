/** What a handler or an `end` returned may be a promise. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof Object(value).then === "function";
}

/** It may be the stream that a middleware, such as compression, writes the response with. */
export function isDestroyed(value: unknown): boolean {
  return Object(value).destroyed === true;
}

/** Calls back when it is a stream that was destroyed, by now or later. */
export function whenDestroyed(value: unknown, callback: () => void): void {
  if (isDestroyed(value)) callback();
  else Object(value).once?.("close", callback);
}
