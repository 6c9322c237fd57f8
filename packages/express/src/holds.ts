import type { Response } from "express";
import type { Hold } from "./hold.ts";
import type { RouteLocks } from "./options.ts";

/** Whether the work is to be done, and what is held meanwhile. Undefined: the request was answered, or its client left. */
export type Admission = { readonly hold?: Hold } | undefined;

const holds = new WeakMap<Response, Hold[]>();

/** Makes it one of the holds of a request. */
export function addHold(res: Response, hold: Hold): void {
  const others = holds.get(res);
  if (others === undefined) holds.set(res, [hold]);
  else others.push(hold);
}

/** The holds of a request. */
export function holdsOf(res: Response): readonly Hold[] {
  return holds.get(res) ?? [];
}

/** The hold of a request that has any of the keys already. */
export function findHold(res: Response, locks: RouteLocks, keys: readonly string[]): Hold | undefined {
  return holdsOf(res).find(
    (hold) => hold.options.locks === locks && keys.some((key) => hold.lease.keys.includes(key)),
  );
}

/** Gives up what a request has locked, since its client has left before the work began. */
export function abandonHolds(res: Response): void {
  for (const hold of holdsOf(res)) hold.abandon();
}
