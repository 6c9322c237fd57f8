import { inspect, types } from "node:util";

/** What a handler or an `end` returned may be a promise. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof Object(value).then === "function";
}

/** By what a promise shows of itself: to listen to it would make its failure look handled. */
export function isSettled(value: unknown): boolean {
  return types.isPromise(value) && !inspect(value, { depth: 0 }).includes("{ <pending>");
}

/** How often it is looked whether a promise has settled, ms. */
export const LOOK = 50;

/** Calls back when a promise has settled, without listening to it. */
export function whenSettled(value: unknown, callback: () => void): void {
  if (isSettled(value)) callback();
  else setTimeout(() => whenSettled(value, callback), LOOK).unref();
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
