import { ServerResponse } from "node:http";

/** What `beforeEnd` calls when the handler ends the response. */
export interface EndHooks {
  /** What the end has to wait for. */
  before(): Promise<unknown> | undefined;
  /** Gets what the `end` of a middleware in front returned, and returns it or what follows it. */
  after(ended: unknown): unknown;
}

/** Methods `end` of Node and of ours, and whether there are no others under them. */
const knownEnds = new WeakMap<object, boolean>([[ServerResponse.prototype.end, true]]);

/** Whether `end` does nothing but end the response: no middleware in front does work of its own there. */
export function isPlainEnd({ end }: Pick<ServerResponse, "end">): boolean {
  return knownEnds.get(end) === true;
}

/** Whether it is no method of another middleware. */
export function isKnownEnd(end: object): boolean {
  return knownEnds.has(end);
}

/** Replaces `end` by a method of ours, which is no work of another middleware. */
export function replaceEnd(res: ServerResponse, end: (...args: unknown[]) => unknown): void {
  knownEnds.set(end, isPlainEnd(res));
  res.end = end as ServerResponse["end"];
}

/**
 * Runs something before the end of a response is passed on to the client. What the handler says after its end is
 * ignored.
 *
 * Express gives each response another prototype, after which V8 makes a hidden class of its own for each property that
 * is added to one: a few microseconds each. So no method is replaced that need not be.
 */
export function beforeEnd(res: ServerResponse, { before, after }: EndHooks): void {
  const { end, write } = res;
  const isPlain = isPlainEnd(res);
  let isEnding = false;
  const passOn = (method: unknown, args: unknown[]) => Reflect.apply(method as typeof end, res, args);
  replaceEnd(res, (...args: unknown[]) => {
    if (isEnding) return ignore(res)(...args);
    const isValid = isChunk(args[0]);
    // A middleware in front may still have something to say about them.
    if (isValid && isPlain) commitHeaders(res, args);
    // What Node refuses is no end where an error handler can still answer.
    const waiting = isValid || res.headersSent ? before() : undefined;
    if (waiting === undefined || !isValid) return after(passOn(end, args));
    isEnding = true;
    waiting
      .then(() => {
        isEnding = false;
        return after(passOn(end, args));
      })
      .catch((error) => res.destroy(error));
    return res;
  });
  // An end that is over would refuse it; one that is still to come would take it.
  res.write = (...args: unknown[]) => (isEnding ? ignore(true)(...args) : passOn(write, args));
}

/** Calls back when the handler destroys a response, before it is. */
export function beforeDestroy(res: ServerResponse, before: () => void): void {
  const { destroy } = res;
  res.destroy = (...args: unknown[]) => {
    before();
    return Reflect.apply(destroy, res, args);
  };
}

/** Whether Node takes it as the first argument of `end`. */
export function isChunk(chunk: unknown): boolean {
  return chunk == null || ["string", "function"].includes(typeof chunk) || chunk instanceof Uint8Array;
}

/** A method that does nothing but to call the callback it may be given. */
function ignore<Result>(result: Result): (...args: unknown[]) => Result {
  return (...args) => {
    const callback = args.at(-1);
    if (typeof callback === "function") process.nextTick(callback);
    return result;
  };
}

/**
 * As `end()` does by itself: from now on `headersSent` is true. What is left to a later `end()` would be sent in chunks,
 * had it no length.
 */
function commitHeaders(res: ServerResponse, [chunk, encoding]: unknown[]): void {
  if (res.headersSent || res.destroyed) return;
  const { statusCode, req } = res;
  const hasBody = req.method !== "HEAD" && statusCode !== 204 && statusCode !== 304;
  const isSized = ["content-length", "transfer-encoding", "trailer"].some((name) => res.hasHeader(name));
  // As Node does: an encoding that it does not know is utf8.
  const length =
    chunk && typeof chunk !== "function" ? Buffer.byteLength(chunk as string, encoding as BufferEncoding) : 0;
  if (hasBody && !isSized) res.setHeader("Content-Length", length);
  res.writeHead(statusCode);
}

const WRITES = ["setHeader", "setHeaders", "appendHeader", "removeHeader", "writeHead", "write", "end"];

/**
 * Makes an answer that comes after another one disappear. Without it, Node throws in the handler, where in Express 4
 * nobody would catch it.
 */
export function ignoreWrites(res: ServerResponse): void {
  for (const name of WRITES) Object.assign(res, { [name]: ignore(res) });
}
