import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** Who wants to know of the end of a socket: one listener for all requests that are queued on it. */
const queued = new WeakMap<Socket, Set<() => void>>();

/**
 * Calls back when the connection of a request is over, also after its answer was sent; the returned function stops
 * that. A request that was pipelined behind another has no connection of its own yet: its response does not tell when
 * the client leaves, only the socket does.
 */
export function whenClosed(req: IncomingMessage, res: ServerResponse, callback: () => void): () => void {
  const waiting = res.socket === null ? (queued.get(req.socket) ?? watch(req.socket)) : undefined;
  const forget = () => {
    res.off("close", closed);
    waiting?.delete(closed);
  };
  const closed = () => {
    forget();
    callback();
  };
  res.once("close", closed);
  waiting?.add(closed);
  return forget;
}

function watch(socket: Socket): Set<() => void> {
  const waiting = new Set<() => void>();
  queued.set(socket, waiting);
  socket.once("close", () => {
    for (const callback of [...waiting]) callback();
  });
  return waiting;
}

/**
 * Calls back when what was piped into a response is cut off, since its client has left: nobody ends such a response.
 * For responses that are closed.
 */
export function whenCutOff(res: ServerResponse, callback: () => void): void {
  res.once("unpipe", callback);
  // Nothing is taken from what comes so late.
  res.once("pipe", callback);
}
