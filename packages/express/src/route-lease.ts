import type { Lease } from "@lock/core";
import type { Response } from "express";

const leases = new WeakMap<Response, Lease>();

/**
 * The lease that this request holds; the same as `res.locals.lease`. Its `signal` aborts when it is lost, and when the
 * client leaves (see `onDisconnect`). Undefined where the request is not locked: it was skipped, or let through because
 * the backend could not be reached.
 */
export function getLease(res: Response): Lease | undefined {
  return leases.get(res);
}

/** Makes it the lease of this response. */
export function setLease(res: Response, lease: Lease): void {
  leases.set(res, lease);
  res.locals.lease = lease;
}

/** The same lease with another signal: everything else is the lease's own. */
export function withSignal(lease: Lease, source: { readonly signal: AbortSignal }): Lease {
  return new Proxy(lease, {
    get(target, name) {
      if (name === "signal") return source.signal;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
