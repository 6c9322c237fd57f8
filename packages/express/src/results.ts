import { ServerResponse } from "node:http";
import { type Readable, Stream } from "node:stream";

/** What a handler or an `end` returned may be a promise. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof Object(value).then === "function";
}

/** It may be the stream that a middleware, such as compression, writes the response with. */
function isStream(value: unknown): value is Readable {
  return value instanceof Stream && !(value instanceof ServerResponse);
}

export function isDestroyed(value: unknown): boolean {
  return isStream(value) && value.destroyed;
}

/** Calls back when it is a stream that was destroyed, by now or later. */
export function whenDestroyed(value: unknown, callback: () => void): void {
  if (isDestroyed(value)) callback();
  else if (isStream(value)) value.once("close", callback);
}
