import { warn } from "./host.ts";

/** By a symbol of all copies of the package: errors of one are told by another. */
const CLOSED = Symbol.for("@lock/core.clientClosed");

/** Notes that the client says it was closed. */
export function asClosedClient<Fault extends object>(fault: Fault): Fault {
  return Object.defineProperty(fault, CLOSED, { value: true });
}

/** Tells once, of locks that are being closed, that their client was closed before them. */
export class ClosedClientWarning {
  #isTold = false;

  hear(fault: unknown): void {
    if (this.#isTold || !(CLOSED in Object(fault))) return;
    this.#isTold = true;
    warn(
      "the client was closed before its locks: what they held stays locked until its ttl ends. Call locks.close() " +
        "first, then close the client",
      { type: "LockWarning", code: "LOCK_CLIENT_CLOSED_FIRST" },
    );
  }
}
