import { setTimeout as sleep } from "node:timers/promises";
import type { Locks } from "@lock/core";
import { getLease, lockKey, lockRoute } from "@lock/express";
import type { RequestHandler } from "express";
import type { Ledger } from "./ledger.ts";
import { orderOf } from "./orders.ts";

export interface ChargeOptions {
  /** Of this instance. */
  readonly name: string;
  readonly ledger: Ledger;
  /** Undefined: the same without the lock. */
  readonly locks: Locks | undefined;
}

/**
 * POST /orders/:id/charge. Looks whether the order was charged, and charges it if not: what it saw is outdated by the
 * time of the charge, unless a lease keeps all other requests for this order away in between.
 */
export function chargeRoute({ name, ledger, locks }: ChargeOptions): RequestHandler<{ id: string }> {
  const charge: RequestHandler<{ id: string }> = async (req, res) => {
    const { id, cents } = orderOf(req.params.id);
    if (await ledger.isCharged(id)) {
      res.json({ alreadyCharged: true, instance: name });
      return;
    }
    // Undefined without the lock.
    const lease = getLease(res);
    const fence = lease?.fencingToken;
    await payByCard(cents, lease?.signal);
    // The last look before the effect. A ledger that checks fencing tokens closes even the gap after it.
    lease?.assertHeld();
    const time = new Date().toISOString();
    await ledger.append({ order: id, cents, instance: name, pid: process.pid, fence, time });
    res.locals.charged = true;
    res.json({ charged: true, instance: name, fence });
  };
  if (locks === undefined) return charge;
  // A payment that has begun goes on when the client leaves, as browsers do at the second click of a form.
  return lockRoute({ locks, key: (req) => lockKey`order:${req.params.id}`, onDisconnect: "hold" }, charge);
}

/** The payment provider: 40 to 120 ms, and it is not asked for money when the lease is lost. */
async function payByCard(_cents: number, signal: AbortSignal | undefined): Promise<void> {
  await sleep(40 + Math.random() * 80, undefined, { signal });
}
