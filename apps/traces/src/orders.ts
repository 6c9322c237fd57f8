import { setTimeout as sleep } from "node:timers/promises";
import type { LeaseTicket, Locks } from "@lock/core";
import { traceContext } from "@lock/otel";
import { context, propagation } from "@opentelemetry/api";
import { type Answer, keyOf } from "./messages.ts";
import { traced } from "./telemetry.ts";

const RECEIPT_MS = 150;
const INVOICE_MS = 40;
const LONGEST_WAIT_MS = 30_000;

/** checkout: takes the order, asks the payment provider, and gives the lease away for the receipt. */
export function pay(locks: Locks, order: number, provider: string): Promise<Answer> {
  const work = async (): Promise<Answer> => {
    await using lease = await locks.tryAcquire(keyOf(order));
    // The second click of a customer.
    if (lease === null) return { kind: "busy" };
    await traced("payment provider", () => charge(order, provider, lease.signal));
    return { kind: "paid", ticket: lease.toTicket({ context: traceContext() }) };
  };
  return traced("pay order", work, { "order.id": order });
}

/** billing: goes on with that lease, and in that trace. */
export async function writeReceipt(locks: Locks, ticket: LeaseTicket): Promise<Answer> {
  await using lease = await locks.adopt(ticket);
  const theirs = propagation.extract(context.active(), ticket.context);
  const write = () => sleep(RECEIPT_MS, undefined, { signal: lease.signal });
  await context.with(theirs, () => traced("write receipt", write));
  return { kind: "written" };
}

/** billing: a request of its own, for the same order. */
export function writeInvoice(locks: Locks, order: number): Promise<Answer> {
  const work = () =>
    locks.using(keyOf(order), { wait: LONGEST_WAIT_MS }, async ({ signal }): Promise<Answer> => {
      await traced("write invoice", () => sleep(INVOICE_MS, undefined, { signal }));
      return { kind: "written" };
    });
  return traced("invoice order", work, { "order.id": order });
}

async function charge(order: number, provider: string, signal: AbortSignal): Promise<void> {
  const response = await fetch(`${provider}/charges/${order}`, { method: "POST", signal });
  if (!response.ok) throw new Error(`the payment provider answers ${response.status}`);
}
