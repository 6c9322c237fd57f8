import { ServerResponse } from "node:http";
import { type Readable, Stream } from "node:stream";
import type { RequestHandler, Response } from "express";
import { isKnownEnd } from "./response.ts";

/** What can be seen of the work behind `next()`. */
export interface Behind {
  /** Whether nobody works on, in case the client has left. */
  readonly isOver: boolean;
  /** Whether a middleware behind keeps an end to itself, for good or until it has done its work. */
  readonly isKept: boolean;
}

/** Of routes whose handlers report here. */
const watched = new WeakSet<object>();
/** By response: the handler that was called last, and who wants to know when it has settled. */
const watches = new WeakMap<ServerResponse, { call: object | undefined; readonly settled: () => void }>();

/**
 * Looks at the work behind `next()`, and calls back when there is news of it. Express drops the promises of handlers,
 * and a middleware may keep to itself that a handler has ended the response.
 */
export function watchBehind(req: object, res: Response, changed: () => void): Behind {
  const { route } = req as { route?: { readonly stack?: unknown } };
  if (Array.isArray(route?.stack)) watchHandlers(route.stack);
  let hasSettled = false;
  const settled = () => {
    hasSettled = true;
    changed();
  };
  watches.set(res, { call: undefined, settled });
  const ended = watchOuterEnd(res, changed);
  return {
    get isOver() {
      return ended.by === undefined ? hasSettled : isDestroyed(ended.by.result);
    },
    get isKept() {
      return ended.by !== undefined;
    },
  };
}

/** Handlers call the outermost `end`: that of the middleware that was mounted last. */
function watchOuterEnd(res: ServerResponse, changed: () => void): { by?: { readonly result: unknown } } {
  const ended: ReturnType<typeof watchOuterEnd> = {};
  let { end } = res;
  Object.defineProperty(res, "end", {
    configurable: true,
    enumerable: true,
    get: () => end,
    set(next: typeof end) {
      if (isKnownEnd(next)) end = next;
      else
        end = (...args: unknown[]) => {
          const result: unknown = Reflect.apply(next, res, args);
          ended.by = { result };
          if (isStream(result)) result.once("close", changed);
          changed();
          return result as ServerResponse;
        };
    },
  });
  return ended;
}

function isStream(value: unknown): value is Readable {
  return value instanceof Stream && !(value instanceof ServerResponse);
}

/** Whether the `end` of a middleware returned a stream that is no more, and so will never end the response. */
export function isDestroyed(result: unknown): boolean {
  return isStream(result) && result.destroyed;
}

/** Has the handlers of a route report, once for each route. */
function watchHandlers(layers: readonly { handle: RequestHandler }[]): void {
  if (watched.has(layers)) return;
  watched.add(layers);
  for (const layer of layers) layer.handle = reporting(layer.handle);
}

/** The same handler, whose promise is looked at. Express tells handlers of errors by their length. */
function reporting(handle: RequestHandler): RequestHandler {
  if (handle.length > 3) return handle;
  return function reportingHandler(this: unknown, req, res, next) {
    const watch = watches.get(res);
    if (watch === undefined) return Reflect.apply(handle, this, [req, res, next]);
    const call = {};
    watch.call = call;
    const result: unknown = Reflect.apply(handle, this, [req, res, next]);
    if (!isThenable(result)) return result;
    const settled = () => {
      if (watch.call === call) watch.settled();
    };
    // What follows is returned: a rejection that nobody handles is told once, as it would be without us.
    return Promise.resolve(result).finally(settled);
  } as RequestHandler;
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof Object(value).then === "function";
}
