import { inspect, types } from "node:util";

/** What a handler returned may be a promise, of whatever library. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof Object(value).then === "function";
}

/** How often it is looked whether a promise has settled, ms. */
const LOOK = 50;

/**
 * Calls back when a promise has settled, unless nobody wants to know by then. It is looked at and not listened to: that would
 * make its failure look handled. What is no promise of Node says nothing of itself.
 */
export function whenSettled(
  value: unknown,
  isWanted: () => boolean,
  callback: (isRejected: boolean) => void,
): void {
  if (!types.isPromise(value) || !isWanted()) return;
  const [, state] = /^[^{]*\{\s+<(pending|rejected)>/.exec(inspect(value, { depth: 0 })) ?? [];
  if (state !== "pending") callback(state === "rejected");
  else setTimeout(() => whenSettled(value, isWanted, callback), LOOK).unref();
}

/** Resolves when all is done that does not wait for anything. */
export async function allButWaits(): Promise<void> {
  await undefined;
  // From here on a tick comes that late.
  await new Promise<void>((resolve) => process.nextTick(resolve));
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
