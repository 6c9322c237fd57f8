import type { ServerResponse } from "node:http";

/**
 * Runs something before the end of a response is passed on to the client. `before` is asked at each `end()`; where it
 * returns a promise, the response ends when that resolves. What the handler says after its end is ignored.
 */
export function beforeEnd(res: ServerResponse, before: () => Promise<void> | undefined): void {
  const passOn = res.end;
  res.end = function endWhenReady(...args: unknown[]): ServerResponse {
    const waiting = before();
    if (waiting === undefined) return Reflect.apply(passOn, res, args);
    commitHeaders(res, args);
    const { end, write } = res;
    // An end that is over would refuse them; one that is still to come would take them.
    Object.assign(res, { end: () => res, write: () => true });
    void waiting.then(() => {
      Object.assign(res, { end, write });
      Reflect.apply(passOn, res, args);
    });
    return res;
  } as ServerResponse["end"];
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
