import { LazyAbort } from "@lock/core/adapter";
import type { NextFunction, RequestHandler, Response } from "express";
import { isAnsweredForLoss, passOnFault } from "./faults.ts";
import type { Hold } from "./hold.ts";
import { type Admission, holdsOf } from "./holds.ts";
import type { Visit } from "./visit.ts";

/** The request handler that does the work of those that are admitted. Never rejects: Express 4 would not notice. */
export function serve<P>(
  admit: (visit: Visit<P>) => Promise<Admission>,
  handler: RequestHandler<P> | undefined,
): RequestHandler<P> {
  const served: RequestHandler<P> = async (req, res, next) => {
    const visit = { req, res, next, abort: new LazyAbort() };
    let admission: Admission;
    try {
      admission = await admit(visit);
    } catch (error) {
      return passOnFault(visit, error);
    }
    if (admission === undefined || isAnsweredForLoss(res) || admission.hold?.isOver) return;
    if (handler !== undefined) return runHandler(handler, visit, admission.hold);
    goOn(req, res);
    next();
  };
  own.add(served);
  return served;
}

/** Handlers of ours: what they return says nothing of the work. */
const own = new WeakSet<object>();

/** What follows is not seen, unless it is a handler of a route. */
function goOn(req: object, res: Response): void {
  for (const hold of holdsOf(res)) hold.leaveBehind();
  watchHandlers(req);
}

/** Runs the handler of a wrapped route, and tells its hold for how long it works. Never rejects. */
async function runHandler<P>(
  handler: RequestHandler<P>,
  { req, res, next }: Visit<P>,
  hold: Hold | undefined,
): Promise<void> {
  const onward = (reason?: unknown) => {
    // Express would close the connection, on which another request may be under way.
    if (isAnsweredForLoss(res)) return;
    if (isForNextHandler(reason)) goOn(req, res);
    else hold?.failed();
    next(reason);
  };
  const call = (): unknown => {
    const returned = holdsOf(res).map((other) => (other === hold ? undefined : other.callBehind()));
    const result: unknown = handler(req, res, onward as NextFunction);
    for (const tell of returned) tell?.(result, true);
    return result;
  };
  try {
    await (hold === undefined ? call() : hold.run(call));
  } catch (error) {
    onward(error || new Error(`the handler was rejected with ${error}`));
  }
}

/** Whether `next` was called to go on, rather than to report an error. */
function isForNextHandler(reason: unknown): boolean {
  return !reason || /^router?$/.test(String(reason));
}

/** Whose handlers are seen by the holds of their requests. */
const watched = new WeakSet<object>();

/** Of Express, as far as it is looked at. */
interface Layer {
  handle: RequestHandler;
  /** Of Express 5, which has error handlers answer for promises that are rejected. */
  readonly handleRequest?: unknown;
}

interface Route {
  readonly stack?: Layer[];
}

/** Express drops what handlers return, so those of routes tell it to the holds of their requests. */
function watchHandlers(req: { route?: Route | undefined }): void {
  let { route } = req;
  watchRoute(route);
  // Express may find the route later, or another one.
  Object.defineProperty(req, "route", {
    configurable: true,
    enumerable: true,
    get: () => route,
    set(found: Route) {
      route = found;
      watchRoute(found);
    },
  });
}

const HANDLE = { configurable: true, enumerable: true, writable: true };

/** Once for each. */
function watchRoute(route: Route | undefined): void {
  if (!Array.isArray(route?.stack) || watched.has(route)) return;
  watched.add(route);
  for (const layer of route.stack) {
    // A package may have made an accessor of the property, which would wrap what is assigned once more.
    Object.defineProperty(layer, "handle", { ...HANDLE, value: seen(layer) });
  }
}

/** The same handler. Express tells handlers of errors by their length. */
function seen({ handle, handleRequest }: Layer): RequestHandler {
  if (handle.length > 3 || own.has(handle)) return handle;
  return function seenHandler(this: unknown, req, res, next) {
    const holds = holdsOf(res);
    const returned = holds.map((hold) => hold.callBehind());
    const onward = (reason?: unknown) => {
      for (const hold of holds) hold.goOn(!isForNextHandler(reason));
      next(reason);
    };
    try {
      const result: unknown = Reflect.apply(handle, this, [req, res, holds.length > 0 ? onward : next]);
      for (const tell of returned) tell(result, handleRequest !== undefined);
      return result;
    } catch (error) {
      for (const hold of holds) hold.goOn(true);
      throw error;
    }
  } as RequestHandler;
}
