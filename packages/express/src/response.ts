import type { ServerResponse } from "node:http";

/**
 * Runs something before the end of a response is passed on to the client. `before` is asked at each `end()`; where it
 * returns a promise, the response ends when that resolves. What the handler says after its end is ignored.
 */
export function beforeEnd(res: ServerResponse, before: () => Promise<void> | undefined): void {
  const { end, write } = res;
  let isEnding = false;
  const passOn = (method: typeof end | typeof write, args: unknown[]) => Reflect.apply(method, res, args);
  res.end = (...args: unknown[]) => {
    if (isEnding) return res;
    const waiting = before();
    if (waiting === undefined) return passOn(end, args);
    commitHeaders(res, args);
    isEnding = true;
    void waiting.then(() => {
      isEnding = false;
      passOn(end, args);
    });
    return res;
  };
  // An end that is over would refuse it; one that is still to come would take it.
  res.write = (...args: unknown[]) => isEnding || passOn(write, args);
}

/**
 * As `end()` does by itself: from now on `headersSent` is true. What is left to a later `end()` would be sent in chunks,
 * had it no length.
 */
function commitHeaders(res: ServerResponse, [chunk, encoding]: unknown[]): void {
  if (res.headersSent) return;
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
  const ignore = () => res;
  for (const name of WRITES) Object.assign(res, { [name]: ignore });
}
