import { ServerResponse } from "node:http";

/** Methods `end` of Node and of ours, and whether there are no others under them. */
const knownEnds = new WeakMap<object, boolean>([[ServerResponse.prototype.end, true]]);

/** Whether `end` does nothing but end the response: no middleware in front does work of its own there. */
export function isPlainEnd({ end }: ServerResponse): boolean {
  return knownEnds.get(end) === true;
}

/** What stands in the place of `end`; `passOn` calls the one before. */
type End = (args: unknown[], passOn: (args: unknown[]) => unknown) => unknown;

/** Replaces `end` by a method of ours, which is no work of another middleware. */
export function replaceEnd(res: ServerResponse, replacement: End): void {
  const { end } = res;
  const passOn = (args: unknown[]) => Reflect.apply(end, res, args);
  const own = (...args: unknown[]) => replacement(args, passOn);
  knownEnds.set(own, isPlainEnd(res));
  res.end = own as ServerResponse["end"];
}

/**
 * To others, the response has ended. Where they close its connection, it ends first: its client is to have the answer. The
 * returned function stops that: a connection has many responses.
 */
function lookEnded(res: ServerResponse, flush: () => void): () => void {
  Object.defineProperty(res, "writableEnded", { configurable: true, value: true });
  const { socket } = res;
  if (socket === null) return () => undefined;
  const { destroy } = socket;
  const flushAndDestroy: typeof destroy = (error) => {
    flush();
    return Reflect.apply(destroy, socket, [error]);
  };
  socket.destroy = flushAndDestroy;
  return () => {
    if (socket.destroy === flushAndDestroy) socket.destroy = destroy;
  };
}

/** Looks at what is assigned to a property of a response, and may change it. Several may look at the same one. */
function onAssign<Name extends "end" | "finished">(
  res: ServerResponse,
  name: Name,
  change: (assigned: ServerResponse[Name]) => ServerResponse[Name],
): void {
  const before = Object.getOwnPropertyDescriptor(res, name);
  let value = res[name];
  Object.defineProperty(res, name, {
    configurable: true,
    enumerable: true,
    get: before?.get ?? (() => value),
    set(assigned: ServerResponse[Name]) {
      value = change(assigned);
      before?.set?.(value);
    },
  });
}

/** Gets what the `end` of a middleware behind returned. */
type EndedBehind = (result: unknown) => void;

/** Who wants to know, for each response whose `end` is looked at. */
const lookers = new WeakMap<ServerResponse, EndedBehind[]>();

/** Calls back when the `end` of a middleware that is mounted behind has been called, with what that returned. */
export function whenEndedBehind(res: ServerResponse, callback: EndedBehind): void {
  const others = lookers.get(res);
  lookers.set(res, [...(others ?? []), callback]);
  if (others === undefined) watchEnd(res);
}

/** Of what has defined `end` as a new property instead of assigning it, as shimmer does, only a look tells. */
export function lookAtEnd(res: ServerResponse): void {
  const end = lookers.has(res) && Object.getOwnPropertyDescriptor(res, "end")?.value;
  if (!end) return;
  watchEnd(res);
  res.end = end;
}

function watchEnd(res: ServerResponse): void {
  onAssign(res, "end", (end) => seenEnd(res, end));
}

/** The same `end`. Of those who come to look later, it is in front. */
function seenEnd(res: ServerResponse, end: ServerResponse["end"]): ServerResponse["end"] {
  if (knownEnds.has(end)) return end;
  const callbacks = lookers.get(res) ?? [];
  return (...args: unknown[]) => {
    const result = Reflect.apply(end, res, args);
    for (const callback of callbacks) callback(result === res ? undefined : result);
    return result;
  };
}

/** What `beforeEnd` calls when the handler ends the response. */
interface EndHooks {
  /** What the end has to wait for. */
  before(): Promise<unknown> | undefined;
  /** Gets what the `end` of a middleware in front returned, and returns it or what follows it. */
  after(ended: unknown): unknown;
}

/**
 * Runs something before the end of a response is passed on to the client. What the handler says after its end is
 * ignored.
 *
 * Express gives each response another prototype, after which V8 makes a hidden class of its own for each property that
 * is added to one: a few microseconds each. So no method is replaced that need not be.
 */
export function beforeEnd(res: ServerResponse, { before, after }: EndHooks): void {
  const { write } = res;
  const isPlain = isPlainEnd(res);
  let isEnding = false;
  replaceEnd(res, (args, passOn) => {
    if (isEnding) return ignore(res)(...args);
    const isValid = isChunk(args[0]);
    // A middleware in front may still have something to say about them.
    if (isValid && isPlain) commitHeaders(res, args);
    // What Node refuses is no end where an error handler can still answer.
    const waiting = isValid || res.headersSent ? before() : undefined;
    if (waiting === undefined || !isValid) return after(passOn(args));
    isEnding = true;
    const flush = (): void => {
      if (!isEnding) return;
      isEnding = false;
      stop();
      after(passOn(args));
    };
    const stop = lookEnded(res, flush);
    waiting.then(flush).catch((error) => res.destroy(error));
    return res;
  });
  // An end that is over would refuse it; one that is still to come would take it.
  res.write = (...args: unknown[]) => (isEnding ? ignore(true)(...args) : Reflect.apply(write, res, args));
}

/** Calls back when the end of a response has come to Node, whoever is there to be told. */
export function whenEndReached(res: ServerResponse, callback: () => void): void {
  onAssign(res, "finished", (isFinished) => {
    // The middleware that called it goes on first.
    if (isFinished) process.nextTick(callback);
    return isFinished;
  });
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
